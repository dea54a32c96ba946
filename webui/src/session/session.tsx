import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext } from "react";
import { api, holdCsrfToken, type Session, unwrap } from "../api/client.ts";

export const sessionKey = ["session"];

function hold(session: Session): Session {
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
    mutationFn: async (token: string) => hold(await unwrap(api.POST("/api/v1/session", { body: { token } }))),
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
