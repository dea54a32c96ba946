import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext } from "react";
import { api, type Enrolment, holdCsrfToken, type Session, type SignIn, unwrap } from "../api/client.ts";

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
