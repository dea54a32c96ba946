import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RailEvent } from "../src/api/client.ts";
import { accessible, launch, leave, sit } from "./browser.ts";
import { Fake } from "./fake.ts";
import { running } from "./fixtures/runs.ts";

// A stream that breaks while a run is watched.

let browser: Browser;
let fake: Fake;
let origin: string;

beforeAll(async () => {
  browser = await launch();
  fake = new Fake();
  origin = await fake.start();
});
afterAll(async () => {
  await browser.close();
  await fake.stop();
});

const rail = (page: Page) => page.getByRole("list", { name: "Explain rail" });
const seqs = (page: Page) =>
  rail(page)
    .locator(":scope > li")
    .evaluateAll((lines) => lines.map((l) => Number(l.id.slice(1))));

test.each(["cut", "proxy"] as const)(
  "a stream that breaks (%s) says so, and goes on where it was, with nothing lost and nothing twice",
  async (how) => {
    const fixture = running();
    fake.add(fixture);
    const run = fixture.detail.summary.id;
    let seq = fixture.events.at(-1)?.seq ?? 0;
    const next = (): RailEvent => ({
      seq: ++seq,
      at: "2026-04-07T09:01:00Z",
      kind: "resumed",
      sentence: `Line ${String(seq)} of this run.`,
      resumed: { why: "a model is back" },
    });
    const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

    const seat = await sit(browser, origin);
    const { page } = seat;
    await page.goto(`/runs/${run}`);
    await page.getByText("Live", { exact: true }).waitFor();
    fake.emit(run, next());
    await page.getByText(`Line ${String(seq)} of`).waitFor();
    expect(await seqs(page)).toEqual(upTo(seq));

    const before = seq;
    const tries = fake.followed.length;
    fake.away = how;
    fake.repeats = 2;
    fake.drop(run);
    await page.getByText("Connecting again …").waitFor();
    await expect.poll(() => fake.followed.length, { timeout: 20_000 }).toBeGreaterThan(tries);
    expect(await page.getByText("Live", { exact: true }).count(), "live while the stream is away").toBe(0);
    expect(await seqs(page), "what was there stays").toEqual(upTo(before));
    await accessible(page);
    fake.emit(run, next());
    fake.emit(run, next());
    fake.away = null;

    await page.getByText(`Line ${String(seq)} of`).waitFor({ timeout: 20_000 });
    await page.getByText("Live", { exact: true }).waitFor();
    fake.emit(run, next());
    await page.getByText(`Line ${String(seq)} of`).waitFor();
    expect(await seqs(page)).toEqual(upTo(seq));
    const back = fake.followed.at(-1);
    expect(how === "cut" ? back?.lastEventId : back?.after, "taken up after what was seen").toBe(String(before));
    await leave(seat);
  },
);
