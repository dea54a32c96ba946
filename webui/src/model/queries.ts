import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "../api/client.ts";

const key = ["models"] as const;

export function useModels() {
  return useQuery({
    queryKey: key,
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/models", { signal })),
    refetchInterval: 5_000, // health changes without an event
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
