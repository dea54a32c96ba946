import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, type RunFilter, unwrap } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";

export const runKeys = {
  list: (filter: RunFilter) => ["runs", "list", filter] as const,
  lists: ["runs", "list"] as const,
  counts: ["runs", "counts"] as const,
  detail: (id: string) => ["run", id] as const,
};

/** Runs, newest first, page by page. */
export function useRuns(filter: RunFilter) {
  return useInfiniteQuery({
    queryKey: runKeys.list(filter),
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET("/api/v1/runs", {
          params: { query: { ...filter, limit: 100, ...(pageParam !== "" && { cursor: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next || undefined,
    placeholderData: keepPreviousData,
    refetchOnWindowFocus: false, // the live stream keeps it true, and there may be a thousand pages
  });
}

export function useCounts() {
  return useQuery({
    queryKey: runKeys.counts,
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/runs/counts", { signal })),
  });
}

export function useRun(id: string) {
  const { lang } = useI18n();
  return useQuery({
    queryKey: [...runKeys.detail(id), lang],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/runs/{id}", { params: { path: { id }, query: { lang } }, signal })),
    placeholderData: keepPreviousData,
  });
}

/** The text that was read from a document; it never changes. */
export function useDocumentText(id: string, input: string, enabled: boolean) {
  return useQuery({
    queryKey: [...runKeys.detail(id), "text", input],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/runs/{id}/documents/{input}/text", {
          params: { path: { id, input } },
          parseAs: "text",
          signal,
        }),
      ),
    staleTime: Infinity,
    enabled,
  });
}

export function useCancelRun(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (reason: string) =>
      unwrap(api.POST("/api/v1/runs/{id}/cancel", { params: { path: { id } }, body: { reason } })),
    onSettled: () => queries.invalidateQueries({ queryKey: runKeys.detail(id) }),
  });
}
