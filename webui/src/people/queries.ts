import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { proposalsKey } from "../govern/queries.ts";
import { api, type NewPerson, type NewServiceKey, type PersonChange, unwrap } from "../api/client.ts";

const key = ["people"] as const;
const serviceKeys = [...key, "keys"] as const;

/** Who has an account, and which roles there are. */
export function usePeople() {
  return useQuery({ queryKey: key, queryFn: ({ signal }) => unwrap(api.GET("/api/v1/people", { signal })) });
}

function useChange<I, O>(change: (input: I) => Promise<O>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSettled: () =>
      Promise.all([
        queries.invalidateQueries({ queryKey: key }),
        queries.invalidateQueries({ queryKey: proposalsKey }),
      ]),
  });
}

/** Makes an account; ends with the link for its person. */
export function useAddPerson() {
  return useChange((body: NewPerson) => unwrap(api.POST("/api/v1/people", { body })));
}

export function useChangePerson(login: string) {
  return useChange((body: PersonChange) =>
    unwrap(api.PATCH("/api/v1/people/{login}", { params: { path: { login } }, body })),
  );
}

/** Makes a new link for a person. */
export function useInvitePerson(login: string) {
  return useChange(() => unwrap(api.POST("/api/v1/people/{login}/link", { params: { path: { login } } })));
}

/** Ends all sessions of a person; of everybody but the one who asks without a login. */
export function useEndSessions(login?: string) {
  return useChange(() =>
    login === undefined
      ? unwrap(api.DELETE("/api/v1/sessions"))
      : unwrap(api.DELETE("/api/v1/people/{login}/sessions", { params: { path: { login } } })),
  );
}

export function useRemovePerson(login: string) {
  return useChange(() => unwrap(api.DELETE("/api/v1/people/{login}", { params: { path: { login } } })));
}

/** The keys of programs, without what they are. */
export function useServiceKeys() {
  return useQuery({ queryKey: serviceKeys, queryFn: ({ signal }) => unwrap(api.GET("/api/v1/keys", { signal })) });
}

/** Makes a service key, which is told this once. */
export function useAddKey() {
  return useChange((body: NewServiceKey) => unwrap(api.POST("/api/v1/keys", { body })));
}

export function useRevokeKey(name: string) {
  return useChange(() => unwrap(api.DELETE("/api/v1/keys/{name}", { params: { path: { name } } })));
}
