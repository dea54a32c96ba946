import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "../api/client.ts";

export const auditKey = ["audit"] as const;

/** How the audit log stands. What it says nobody can read here. */
export function useAudit() {
  return useQuery({
    queryKey: auditKey,
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/audit", { signal })),
  });
}
