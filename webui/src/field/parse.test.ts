import { describe, expect, test } from "vitest";
import { isIban, parseDecimal, parseDraft } from "./parse.ts";

describe("parseDecimal", () => {
  test.each([
    ["1234.50", "en", "1234.50"],
    ["1,234.50", "en", "1234.50"],
    ["1.234,50", "de", "1234.50"],
    ["1234,5", "de", "1234.5"],
    ["12.50", "de", "12.50"],
    ["-0", "en", "-0"],
    ["007", "en", "7"],
    ["1 234 567,00", "de", "1234567.00"],
    ["1.234", "de", null], // twelve hundred, or a little more than one
    ["1,23,4", "en", null],
    ["12e3", "en", null],
    ["", "en", null],
  ] as const)("%s in %s is %s", (text, lang, want) => {
    expect(parseDecimal(text, lang)).toBe(want);
  });
});

test("an IBAN is told by its check digits", () => {
  expect(isIban("DE89370400440532013000")).toBe(true);
  expect(isIban("DE98370400440532013000")).toBe(false);
  expect(isIban("DE89")).toBe(false);
});

test("an empty draft is absent where that is allowed, and a problem elsewhere", () => {
  expect(parseDraft({ name: "x", type: "date", nullable: true }, " ", "en")).toEqual({ ok: true, value: null });
  expect(parseDraft({ name: "x", type: "date" }, "", "en")).toEqual({ ok: false, problem: "field.required" });
  expect(parseDraft({ name: "x", type: "date" }, "2026-02-30", "en")).toEqual({ ok: false, problem: "field.date" });
});
