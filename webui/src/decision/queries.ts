import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, type SettleBody, unwrap } from "../api/client.ts";
import { homeKey } from "../home/queries.ts";
import { useI18n } from "../i18n/provider.tsx";
import { runKeys } from "../run/queries.ts";

export const decisionKeys = {
  lists: ["decisions"] as const,
  detail: (id: string) => ["decision", id] as const,
};

/** Open decisions, oldest first, or settled ones, newest first. */
export function useDecisions(open: boolean, queue: string) {
  return useInfiniteQuery({
    queryKey: [...decisionKeys.lists, open, queue],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET("/api/v1/decisions", {
          params: {
            query: {
              open: open ? "true" : "false",
              limit: 50,
              ...(queue !== "" && { queue }),
              ...(pageParam !== "" && { cursor: pageParam }),
            },
          },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next || undefined,
  });
}

export function useDecision(id: string) {
  const { lang } = useI18n();
  return useQuery({
    queryKey: [...decisionKeys.detail(id), lang],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/decisions/{id}", { params: { path: { id }, query: { lang } }, signal })),
  });
}

export function useSettle(id: string, run: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: SettleBody) => unwrap(api.POST("/api/v1/decisions/{id}", { params: { path: { id } }, body })),
    // Also after a refusal: somebody else may have been faster.
    onSettled: () =>
      Promise.all(
        [decisionKeys.detail(id), decisionKeys.lists, runKeys.detail(run), homeKey].map((queryKey) =>
          queries.invalidateQueries({ queryKey }),
        ),
      ),
  });
}
