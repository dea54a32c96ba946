import type { RunFilter } from "../api/client.ts";

const states = ["running", "waiting", "parked", "ended"] as const;
const names = ["mission", "class", "verdict", "model", "text"] as const;

/** The filter that an address stands for; what it does not know it leaves out. */
export function filterOf(search: URLSearchParams): RunFilter {
  const filter: RunFilter = {};
  const state = states.find((s) => s === search.get("state"));
  if (state) filter.state = state;
  for (const name of names) {
    const v = search.get(name);
    if (v) filter[name] = v;
  }
  const from = dayStart(search.get("from"), 0);
  if (from) filter.from = from;
  const to = dayStart(search.get("to"), 1); // the whole last day counts
  if (to) filter.to = to;
  return filter;
}

/** The address after one filter was set, or cleared with "". */
export function withFilter(search: URLSearchParams, name: string, value: string): URLSearchParams {
  const next = new URLSearchParams(search);
  if (value === "") next.delete(name);
  else next.set(name, value);
  return next;
}

/** Midnight of the reader's day, some days later, as an instant. */
function dayStart(day: string | null, plusDays: number): string | null {
  const m = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day ?? "");
  if (!m) return null;
  const d = new Date(Number(m[1]), Number(m[2]) - 1, Number(m[3]) + plusDays);
  return d.toISOString();
}

export { states };
