import { expect, test } from "vitest";
import { atHome, kindOf, passkeysHere } from "./ways.ts";

test.each([
  ["skerry.example.org", "skerry.example.org", true],
  ["skerry.example.org", "127.0.0.1", false],
  ["example.org", "skerry.example.org", false],
  [undefined, "skerry.example.org", false],
])("passkeys of %s on %s: %s", (site, host, want) => {
  expect(atHome(site, host)).toBe(want);
});

test("nothing is offered where the browser cannot", () => {
  expect(passkeysHere(undefined)).toBe(false);
  expect(passkeysHere({ passkeys: false })).toBe(false);
  expect(passkeysHere({ passkeys: true, site: "skerry.example.org" })).toBe(false);
});

test.each([
  ["InvalidStateError", "again"],
  ["SecurityError", "unable"],
  ["NotAllowedError", "stopped"],
  ["AbortError", "stopped"],
])("%s is said as %s", (name, want) => {
  expect(kindOf(name)).toBe(want);
});
