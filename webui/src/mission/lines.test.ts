import { expect, test } from "vitest";
import { lineRange } from "./lines.ts";

test.each([
  ["ab\ncd\n", 1, "ab"],
  ["ab\ncd\n", 2, "cd"],
  ["ab\ncd\n", 3, ""],
  ["ab\ncd", 9, "cd"],
  ["", 1, ""],
])("of %j line %d is %j", (text, line, want) => {
  const { start, end } = lineRange(text, line);
  expect(text.slice(start, end)).toBe(want);
});
