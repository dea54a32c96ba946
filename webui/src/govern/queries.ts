import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, type ProposalEntry, unwrap } from "../api/client.ts";
import { sessionKey, useSession } from "../session/session.tsx";

export const proposalsKey = ["proposals"] as const;

/** How often what waits for approval is asked for anew: others propose it. */
const everyMs = 30_000;

/** Changes that take two people, latest first. */
export function useProposals(enabled = true) {
  return useQuery({
    queryKey: proposalsKey,
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/proposals", { params: { query: {} }, signal })),
    refetchInterval: everyMs,
    enabled,
  });
}

/** How many proposals this person can approve. */
export function useProposalsForMe(): number {
  const admin = useSession().who.roles.includes("admin");
  return useProposals(admin).data?.proposals.filter((p) => p.mayApprove).length ?? 0;
}

export function useProposal(id: string) {
  return useQuery({
    queryKey: [...proposalsKey, id],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/proposals/{id}", { params: { path: { id } }, signal })),
    refetchInterval: everyMs,
  });
}

/** What a person can do to a proposal. */
export type Word =
  | { do: "approve"; digest: string }
  | { do: "break-glass"; digest: string; reason: string }
  | { do: "reject"; reason: string }
  | { do: "withdraw" }
  | { do: "acknowledge" };

function send(id: string, w: Word): Promise<ProposalEntry> {
  const params = { path: { id } };
  switch (w.do) {
    case "approve":
      return unwrap(api.POST("/api/v1/proposals/{id}/approve", { params, body: { digest: w.digest } }));
    case "break-glass":
      return unwrap(
        api.POST("/api/v1/proposals/{id}/break-glass", { params, body: { digest: w.digest, reason: w.reason } }),
      );
    case "reject":
      return unwrap(api.POST("/api/v1/proposals/{id}/reject", { params, body: { reason: w.reason } }));
    case "withdraw":
      return unwrap(api.POST("/api/v1/proposals/{id}/withdraw", { params }));
    case "acknowledge":
      return unwrap(api.POST("/api/v1/proposals/{id}/acknowledge", { params }));
  }
}

/** Gives somebody's word for a proposal, or against it. */
export function useWord(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (w: Word) => send(id, w),
    onSettled: () =>
      Promise.all([
        queries.invalidateQueries({ queryKey: proposalsKey }),
        queries.invalidateQueries({ queryKey: ["people"] }),
        queries.invalidateQueries({ queryKey: sessionKey }), // notices
      ]),
  });
}
