import { expect, test } from "vitest";
import { de } from "./de.ts";
import { en } from "./en.ts";
import { formatters, preferredLanguage, translate } from "./translate.ts";

test("both languages have the same holes and forms", () => {
  const shape = (s: string) => [s.split("|").length, [...new Set(s.match(/\{\w+\}/g))].sort().join()];
  for (const [key, text] of Object.entries(en)) {
    const other = Object.entries(de).find(([k]) => k === key)?.[1] ?? "";
    expect(shape(other), key).toEqual(shape(text));
  }
});

test("counts choose their form and are written as people of the language write them", () => {
  expect(translate("en", "runs.total", { count: 1 })).toBe("1 run in all");
  expect(translate("de", "runs.total", { count: 100000 })).toBe("100.000 Läufe insgesamt");
});

test("the browser's first language that we speak wins", () => {
  expect(preferredLanguage(["fr-FR", "de-AT", "en"])).toBe("de");
  expect(preferredLanguage(["fr"])).toBe("en");
});

test("amounts keep every digit", () => {
  expect(formatters("de").decimal("12345678901234567890.10")).toBe("12.345.678.901.234.567.890,10");
  expect(formatters("en").decimal("no number")).toBe("no number");
  expect(formatters("en").micros(35)).toBe("0.000035");
});
