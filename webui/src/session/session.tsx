import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext } from "react";
import { api, type Enrolment, holdCsrfToken, type Session, type SignIn, unwrap } from "../api/client.ts";

import { createPasskey, getPasskey } from "./passkey.ts";

export const sessionKey = ["session"];

/** Keeps the token of a session that has begun, or goes on under a new one. */
export function hold(session: Session): Session {
  holdCsrfToken(session.csrf);
  return session;
}

export function useSessionQuery() {
  return useQuery({
    queryKey: sessionKey,
    queryFn: async () => hold(await unwrap(api.GET("/api/v1/session"))),
    staleTime: Infinity,
    retry: false,
  });
}

export function useSignIn() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (body: SignIn) => hold(await unwrap(api.POST("/api/v1/session", { body }))),
    onSuccess: (session) => queries.setQueryData(sessionKey, session),
  });
}

/** Which client certificate the connection has shown; most show none. */
export function useClientCertificate() {
  return useQuery({
    queryKey: ["client-certificate"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/session/certificate", { signal })),
    staleTime: Infinity,
    retry: false,
  });
}

/** Signs in whose certificate it is. */
export function useSignInWithCertificate() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async () => hold(await unwrap(api.POST("/api/v1/session/certificate"))),
    onSuccess: (session) => queries.setQueryData(sessionKey, session),
  });
}

/** Whom a link is for. It is asked once: each look counts as an attempt. */
export function useInvitee(token: string) {
  return useQuery({
    queryKey: ["invitee", token],
    queryFn: ({ signal }) => unwrap(api.POST("/api/v1/session/invitee", { body: { token }, signal })),
    enabled: token !== "",
    staleTime: Infinity,
    retry: false,
  });
}

/** Sets the password of the person that a link is for, and signs them in. */
export function useEnrol() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (body: Enrolment) => hold(await unwrap(api.POST("/api/v1/session/enrolment", { body }))),
    onSuccess: (session) => queries.setQueryData(sessionKey, session),
  });
}

/** How one can sign in here. */
export function useWays() {
  return useQuery({
    queryKey: ["ways"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/session/ways", { signal })),
    staleTime: Infinity,
    retry: false,
  });
}

/** Signs in with a passkey that the device has. */
export function useSignInPasskey() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      const offer = await unwrap(api.POST("/api/v1/session/passkey-challenge"));
      const body = { ticket: offer.ticket, answer: await getPasskey(offer) };
      return hold(await unwrap(api.POST("/api/v1/session/passkey", { body })));
    },
    onSuccess: (session) => queries.setQueryData(sessionKey, session),
  });
}

/** Makes a passkey for the person that a link is for, and signs them in. */
export function useEnrolPasskey() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ token, name }: { token: string; name: string }) => {
      const offer = await unwrap(api.POST("/api/v1/session/enrolment-challenge", { body: { token } }));
      const body = { token, name, ticket: offer.ticket, answer: await createPasskey(offer) };
      return hold(await unwrap(api.POST("/api/v1/session/enrolment-passkey", { body })));
    },
    onSuccess: (session) => queries.setQueryData(sessionKey, session),
  });
}

export function useSignOut() {
  return useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/session")),
    // A new document, so that nothing of the old session stays in memory.
    onSuccess: () => location.assign("/sign-in"),
  });
}

const Context = createContext<Session | null>(null);

export function SessionProvider({ session, children }: { session: Session; children: ReactNode }) {
  return <Context value={session}>{children}</Context>;
}

/** Who is signed in. */
export function useSession(): Session {
  const s = useContext(Context);
  if (!s) throw new Error("useSession needs a SessionProvider around it");
  return s;
}
