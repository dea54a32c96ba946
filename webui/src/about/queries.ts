import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "../api/client.ts";

export function useVersion() {
  return useQuery({
    queryKey: ["version"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/version", { signal })),
    staleTime: Infinity,
  });
}
