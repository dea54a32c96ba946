import { useMutation, useQuery } from "@tanstack/react-query";
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

export function useSource(name: string, enabled: boolean) {
  return useQuery({
    queryKey: ["mission", name, "source"],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/missions/{name}/source", { params: { path: { name } }, parseAs: "text", signal })),
    enabled,
  });
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
