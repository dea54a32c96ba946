import { expect, test } from "vitest";
import { stretches } from "./marks.ts";

const at = (name: string, start: number, end: number) => ({
  step: "s",
  name,
  evidence: { input: "d", start, end, quote: "" },
});

test("the stretches together are the text, whatever the evidence", () => {
  const text = "Größe 😀 12,50";
  let seed = 7;
  const next = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  for (let i = 0; i < 300; i++) {
    const fields = Array.from({ length: next(6) }, (_, k) => at(`f${String(k)}`, next(30) - 5, next(30) - 5));
    const parts = stretches(text, fields, "d");
    expect(parts.map((p) => p.text).join(""), JSON.stringify(fields)).toBe(text);
  }
});

test("overlapping evidence marks both fields, and that of another document none", () => {
  const parts = stretches("abcdef", [at("a", 0, 4), at("b", 2, 6)], "d");
  expect(parts.map((p) => [p.text, p.fields.join()])).toEqual([
    ["ab", "s.a"],
    ["cd", "s.a,s.b"],
    ["ef", "s.b"],
  ]);
  expect(stretches("abc", [at("a", 0, 2)], "other")).toEqual([{ start: 0, text: "abc", fields: [] }]);
});
