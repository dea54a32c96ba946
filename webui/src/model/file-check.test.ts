import { describe, expect, test } from "vitest";
import { idFrom, inOrder, parameters, together, unfit, unfitTogether } from "./file-check.ts";

const gguf = new TextEncoder().encode("GGUF\u0003");
const room = { maxBytes: 1000, freeBytes: 500 };

describe("what can be no model is not sent", () => {
  test.each([
    ["a model", "qwen3.gguf", 400, gguf, undefined],
    ["a part", "m-00001-of-00003.gguf", 400, gguf, undefined],
    ["Safetensors", "model.safetensors", 400, gguf, "import.unfit.safetensors"],
    ["another format", "invoice.pdf", 400, new TextEncoder().encode("%PDF"), "import.unfit.format"],
    ["an empty file", "m.gguf", 0, new Uint8Array(), "import.unfit.format"],
    ["more than is taken in", "m.gguf", 1001, gguf, "import.unfit.max"],
    ["more than there is room for", "m.gguf", 501, gguf, "import.unfit.room"],
  ])("%s", (_, name, size, head, want) => {
    expect(unfit(name, size, head, room)).toBe(want);
  });
});

describe("what is no whole model is not sent", () => {
  const part = (n: number, of = 2) => `m-0000${String(n)}-of-0000${String(of)}.gguf`;
  test.each([
    ["one file", ["m.gguf"], undefined],
    ["a split of one part", [part(1, 1)], undefined],
    ["all parts", [part(1), part(2)], undefined],
    ["a part alone", [part(1)], { key: "import.unfit.missing", name: part(2) }],
    ["the second alone", [part(2)], { key: "import.unfit.missing", name: part(1) }],
    ["a part twice", [part(1), part(1)], { key: "import.unfit.stranger", name: part(1) }],
    ["a part of another split", [part(1), part(2, 3)], { key: "import.unfit.stranger", name: part(2, 3) }],
    ["two models", ["a.gguf", "b.gguf"], { key: "import.unfit.several", name: "a.gguf" }],
  ])("%s", (_, names, want) => {
    expect(unfitTogether(names)).toEqual(want);
  });
  test.each([
    ["the next part joins", [part(1)], [part(2)], [part(1), part(2)]],
    ["another model takes the place", ["a.gguf"], ["b.gguf"], ["b.gguf"]],
    ["the same part takes the place", [part(1)], [part(1)], [part(1)]],
    ["what is taken away is gone", [part(1), part(2)], undefined, [part(1)]],
  ])("%s", (_, old, added, want) => {
    const before = old.map((name) => ({ name }));
    const all = added ? [...before, ...added.map((name) => ({ name }))] : before.slice(0, 1);
    expect(together(all, before).map((f) => f.name)).toEqual(want);
  });
  test("parts are put in order", () => {
    expect(inOrder([{ name: part(2) }, { name: part(1) }]).map((f) => f.name)).toEqual([part(1), part(2)]);
  });
});

test("ids are made from file names", () => {
  expect(idFrom("Qwen3-0.6B.Q4_K_M.gguf")).toBe("qwen3-0-6b-q4-k-m");
  expect(idFrom("Big-00001-of-00002.gguf")).toBe("big");
  expect(idFrom("…")).toBe("");
  expect(idFrom(`${"x".repeat(35)}-y.gguf`)).toBe("x".repeat(35));
});

test("parameters in words", () => {
  const number = (n: number) => String(n);
  expect(parameters(5_246_976, number)).toBe("5.2 M");
  expect(parameters(8_030_000_000, number)).toBe("8 B");
  expect(parameters(90_880, number)).toBe("90880");
});
