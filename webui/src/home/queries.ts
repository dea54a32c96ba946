import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "../api/client.ts";

export const homeKey = ["home"] as const;

/** What waits for the caller and what happened lately. */
export function useHome() {
  return useQuery({ queryKey: homeKey, queryFn: ({ signal }) => unwrap(api.GET("/api/v1/home", { signal })) });
}
