import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "../api/client.ts";
import { type ModelSending, sendModel } from "./send.ts";

const key = ["models"] as const;

export function useModels() {
  return useQuery({
    queryKey: key,
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/models", { signal })),
    refetchInterval: 5_000, // health changes without an event
  });
}

/** The card of a model; it never changes while the appliance runs. */
export function useModelCard(id: string, wanted: boolean) {
  return useQuery({
    queryKey: ["model-card", id],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/models/{id}/card", { params: { path: { id } }, signal })),
    enabled: wanted,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function useOperate(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (what: "stop" | "start") => {
      const params = { path: { id } };
      return unwrap(
        what === "stop"
          ? api.POST("/api/v1/models/{id}/stop", { params })
          : api.POST("/api/v1/models/{id}/start", { params }),
      );
    },
    onSettled: () => queries.invalidateQueries({ queryKey: key }),
  });
}

/** Sends the files of a model; ends with the new entry of the catalogue. */
export function useImport() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (sending: ModelSending) => sendModel(sending),
    onSettled: () => queries.invalidateQueries({ queryKey: key }),
  });
}

/** Examines a running model, which takes minutes. */
export function useExamine(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/models/{id}/exam", { params: { path: { id } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: key }),
  });
}

/** Removes an imported model; force also one that the policy has in a pool. */
export function useRemove(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (force: boolean) =>
      unwrap(api.DELETE("/api/v1/models/{id}", { params: { path: { id }, query: { force } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: key }),
  });
}
