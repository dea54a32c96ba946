import {
  type InfiniteData,
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { api, type RunFilter, type RunPage, type Summary, unwrap } from "../api/client.ts";
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

/** Whether a list with that filter would show the run. */
export function matches(s: Summary, f: RunFilter): boolean {
  return (
    (!f.state || s.state === f.state) &&
    (!f.mission || s.mission === f.mission) &&
    (!f.class || s.class === f.class) &&
    (!f.verdict || s.verdict === f.verdict) &&
    (!f.model || s.models.includes(f.model)) &&
    (!f.text || [s.id, s.subject, s.by].some((v) => v.toLowerCase().includes((f.text ?? "").toLowerCase()))) &&
    (!f.from || s.createdAt >= f.from) &&
    (!f.to || s.createdAt < f.to)
  );
}

/**
 * What the pages of a list become when a run has changed: it is replaced where
 * it stands, put on top if it is new, and taken out if the filter no longer
 * holds. Pages that do not change keep their identity.
 */
export function patchPages(data: InfiniteData<RunPage>, s: Summary, filter: RunFilter): InfiniteData<RunPage> {
  const fits = matches(s, filter);
  let found = false;
  const pages = data.pages.map((page) => {
    const i = page.runs.findIndex((r) => r.id === s.id);
    const old = page.runs[i];
    if (!old) return page;
    found = true;
    if (old.seq >= s.seq) return page;
    return { ...page, runs: fits ? page.runs.with(i, s) : page.runs.toSpliced(i, 1) };
  });
  const [first, ...rest] = pages;
  const newest = first?.runs[0];
  if (!found && fits && first && (!newest || s.id > newest.id)) {
    return { ...data, pages: [{ ...first, runs: [s, ...first.runs] }, ...rest] };
  }
  return { ...data, pages };
}
