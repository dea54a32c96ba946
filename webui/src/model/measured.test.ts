import { expect, test } from "vitest";
import { measured } from "./measured.ts";

test("figures are written as their measure is read", () => {
  const show = (measure: string, value: number) => measured(measure, value, String);
  expect(show("field-exact", 0.97349)).toBe("97.3 %");
  expect(show("ece", 0.02849)).toBe("0.028");
  expect(show("auroc", 0.9)).toBe("0.9");
  expect(show("documents-per-second", 9.84)).toBe("9.8/s");
  expect(show("load-ms", 84)).toBe("84 ms");
  expect(show("size-mb", 18.32)).toBe("18.3 MB");
});
