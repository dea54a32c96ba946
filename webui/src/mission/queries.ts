import { keepPreviousData, type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, startWithForm, type StartInput, type Summary, unwrap } from "../api/client.ts";
import { humanise } from "../i18n/plain.ts";
import { useI18n } from "../i18n/provider.tsx";

export function useMissions() {
  return useQuery({ queryKey: ["missions"], queryFn: ({ signal }) => unwrap(api.GET("/api/v1/missions", { signal })) });
}

/** What people call a mission: its title, or its name in words while that is not known. */
export function useMissionTitle(): (name: string) => string {
  const { text } = useI18n();
  const missions = useMissions();
  return (name) => text(missions.data?.missions.find((m) => m.name === name)?.title) || humanise(name);
}

export function useMission(name: string) {
  return useQuery({
    queryKey: ["mission", name],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/missions/{name}", { params: { path: { name } }, signal })),
  });
}

const readSource = (name: string, draft: boolean, signal: AbortSignal) =>
  unwrap(
    api.GET("/api/v1/missions/{name}/source", {
      params: { path: { name }, query: { draft } },
      parseAs: "text",
      signal,
    }),
  );

/** The file that the author wrote, as it is published. */
export function useSource(name: string, enabled: boolean) {
  return useQuery({
    queryKey: ["mission", name, "source"],
    queryFn: ({ signal }) => readSource(name, false, signal),
    enabled,
  });
}

/** The file to begin editing with: asked for anew every time, and then left alone. */
export function useEdited(name: string, draft: boolean) {
  return useQuery({
    queryKey: ["edited", name, draft],
    queryFn: ({ signal }) => readSource(name, draft, signal),
    staleTime: Infinity,
    gcTime: 0,
  });
}

const yaml = { headers: { "Content-Type": "application/yaml" }, bodySerializer: (body: string) => body };

/** What is wrong with a mission file, by line. */
export function useProblems(source: string) {
  return useQuery({
    queryKey: ["missions", "validate", source],
    queryFn: ({ signal }) => unwrap(api.POST("/api/v1/missions/validate", { body: source, ...yaml, signal })),
    staleTime: Infinity,
    gcTime: 60_000,
    placeholderData: keepPreviousData,
  });
}

export function useSaveDraft(name: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (source: string) =>
      unwrap(api.PUT("/api/v1/missions/{name}/draft", { params: { path: { name } }, body: source, ...yaml })),
    onSuccess: () => renew(queries, name),
  });
}

/** Publishes the draft with that digest and no other. */
export function usePublish(name: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (digest: string) =>
      unwrap(api.POST("/api/v1/missions/{name}/publish", { params: { path: { name }, query: { digest } } })),
    onSuccess: () => renew(queries, name),
  });
}

function renew(queries: QueryClient, name: string) {
  return Promise.all(
    [["missions"], ["mission", name]].map((queryKey) =>
      queries.invalidateQueries({ queryKey, predicate: (q) => q.queryKey[1] !== "validate" }),
    ),
  );
}

export function useSamples(name: string, enabled: boolean) {
  return useQuery({
    queryKey: ["mission", name, "samples"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/missions/{name}/samples", { params: { path: { name } }, signal })),
    staleTime: Infinity,
    enabled,
  });
}

/** One run to start. The key makes a repeated attempt start it only once. */
export interface Start {
  label: string;
  key: string;
  input: StartInput;
  /** Files by input; they travel as a form and not in base64. */
  files: Record<string, File>;
}

export type Started = { label: string; run: Summary } | { label: string; error: unknown };

/** Starts runs one after the other and reports each as it is known. */
export function useStart(mission: string) {
  return useMutation({
    mutationFn: async ({ starts, report }: { starts: Start[]; report: (s: Started) => void }) => {
      const all: Started[] = [];
      for (const s of starts) {
        const one = await startOne(mission, s).then(
          (run): Started => ({ label: s.label, run }),
          (error: unknown): Started => ({ label: s.label, error }),
        );
        all.push(one);
        report(one);
      }
      return all;
    },
  });
}

async function startOne(mission: string, s: Start): Promise<Summary> {
  const files = Object.entries(s.files);
  if (files.length === 0) {
    return unwrap(
      api.POST("/api/v1/missions/{name}/runs", {
        params: { path: { name: mission }, header: { "Idempotency-Key": s.key } },
        body: { input: s.input },
      }),
    );
  }
  const form = new FormData();
  for (const [name, argument] of Object.entries(s.input)) {
    const { value } = argument;
    if (value !== undefined) form.set(`input.${name}`, typeof value === "string" ? value : JSON.stringify(value));
  }
  for (const [name, file] of files) form.set(`input.${name}`, file, file.name);
  return startWithForm(mission, s.key, form);
}
