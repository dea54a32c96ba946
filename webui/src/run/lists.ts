import type { InfiniteData } from "@tanstack/react-query";
import type { RunFilter, RunPage, Summary } from "../api/client.ts";

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
