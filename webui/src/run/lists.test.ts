import { expect, test } from "vitest";
import type { Summary } from "../api/client.ts";
import { patchPages } from "./lists.ts";

const run = (id: string, seq: number, over: Partial<Summary> = {}): Summary => ({
  id,
  seq,
  mission: "invoice",
  version: 1,
  state: "running",
  class: "internal",
  subject: "a.pdf",
  by: "Ada",
  createdAt: "",
  updatedAt: "",
  models: [],
  confidence: null,
  escalations: 0,
  decisions: 0,
  costMicros: 0,
  usage: { inputTokens: 0, outputTokens: 0, durationMicros: 0 },
  ...over,
});
const pages = { pages: [{ runs: [run("03", 2), run("02", 1)] }, { runs: [run("01", 1)] }], pageParams: ["", "x"] };
const ids = (p: { pages: { runs: Summary[] }[] }) => p.pages.map((x) => x.runs.map((r) => `${r.id}:${String(r.seq)}`));

test("a run that changed is replaced where it stands, a new one comes first, an old event changes nothing", () => {
  expect(ids(patchPages(pages, run("01", 5), {}))).toEqual([["03:2", "02:1"], ["01:5"]]);
  expect(ids(patchPages(pages, run("04", 1), {}))).toEqual([["04:1", "03:2", "02:1"], ["01:1"]]);
  expect(ids(patchPages(pages, run("03", 1), {}))).toEqual(ids(pages));
  expect(patchPages(pages, run("01", 5), {}).pages[0]).toBe(pages.pages[0]);
});

test("a run that the filter no longer shows leaves the list", () => {
  const filter = { state: "running" } as const;
  expect(ids(patchPages(pages, run("02", 9, { state: "ended" }), filter))).toEqual([["03:2"], ["01:1"]]);
  expect(ids(patchPages(pages, run("05", 1, { state: "ended" }), filter))).toEqual(ids(pages));
});
