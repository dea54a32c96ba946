import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "../api/client.ts";
import { createPasskey } from "../session/passkey.ts";

const key = ["account"] as const;

/** What there is of one's own account. */
export function useAccount() {
  return useQuery({ queryKey: key, queryFn: ({ signal }) => unwrap(api.GET("/api/v1/account", { signal })) });
}

function useChange<I, O>(change: (input: I) => Promise<O>) {
  const queries = useQueryClient();
  return useMutation({ mutationFn: change, onSettled: () => queries.invalidateQueries({ queryKey: key }) });
}

export function useEndSession() {
  return useChange((id: string) => unwrap(api.DELETE("/api/v1/account/sessions/{id}", { params: { path: { id } } })));
}

export function useEndOthers() {
  return useChange(() => unwrap(api.DELETE("/api/v1/account/sessions")));
}

export function useSetPassword() {
  return useChange((body: { old: string; password: string }) => unwrap(api.POST("/api/v1/account/password", { body })));
}

/** Makes a passkey on this device. */
export function useAddPasskey() {
  return useChange(async ({ name, password }: { name: string; password: string }) => {
    const offer = await unwrap(api.POST("/api/v1/account/passkey-challenge", { body: password ? { password } : {} }));
    const body = { name, ticket: offer.ticket, answer: await createPasskey(offer) };
    return unwrap(api.POST("/api/v1/account/passkeys", { body }));
  });
}

export function useRemovePasskey() {
  return useChange((id: string) => unwrap(api.DELETE("/api/v1/account/passkeys/{id}", { params: { path: { id } } })));
}
