import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, launch, leave, type Size, sit } from "./browser.ts";
import { Fake } from "./fake.ts";
import { summaries } from "./fixtures/catalogue.ts";

// A list of 100,000 runs.

const all = 100_000;
let browser: Browser;
let fake: Fake;
let origin: string;

beforeAll(async () => {
  browser = await launch();
  fake = new Fake();
  fake.many(all);
  origin = await fake.start();
});
afterAll(async () => {
  await browser.close();
  await fake.stop();
});

/** The rows in the document: the place that each one claims, and the run that it shows. */
const rowsOf = (page: Page) =>
  page.locator("[role=row][aria-rowindex]:has([role=cell])").evaluateAll((rows) =>
    rows.map((r) => ({
      place: Number(r.getAttribute("aria-rowindex")) - 2,
      name: r.querySelector("a")?.textContent ?? "",
    })),
  );

/** Scrolls to the end of what is loaded until that many rows are, and checks every row on the way. */
async function scrollThrough(page: Page, count: number, nameAt: (place: number) => string) {
  const seen = new Set<number>();
  for (let deepest = 0; deepest < count;) {
    await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
    const floor = deepest;
    await page.waitForFunction(
      (floor) =>
        [...document.querySelectorAll("[role=row][aria-rowindex]")].some(
          (r) => Number(r.getAttribute("aria-rowindex")) - 2 > floor,
        ),
      floor,
    );
    const rows = await rowsOf(page);
    expect(rows.length, "rows in the document").toBeLessThan(90);
    for (const { place, name } of rows) {
      expect(name, `row ${String(place)}`).toBe(nameAt(place));
      seen.add(place);
    }
    deepest = Math.max(...rows.map((r) => r.place));
  }
  return seen;
}

test.each<Size>(["wide", "narrow"])("100,000 runs scroll far in a %s window, with few rows at a time", async (size) => {
  fake.listed.length = 0;
  const seat = await sit(browser, origin, { size });
  const { page } = seat;
  await page.goto("/runs");
  await page.getByText("100,000 runs in all").waitFor();
  const nameAt = (place: number) => `invoice-${String(all - place)}.pdf`;
  await scrollThrough(page, 3_000, nameAt);

  const cursors = fake.listed.map((q) => Number(new URLSearchParams(q).get("cursor") ?? 0));
  expect(cursors, "every page once, in order").toEqual(cursors.map((_, i) => i * 100));

  // A jump across thousands of rows shows them at once: they are loaded.
  const asked = fake.listed.length;
  const took = await page.evaluate(async () => {
    const start = performance.now();
    window.scrollTo(0, 0);
    while (!document.querySelector('[role=row][aria-rowindex="2"]')) await new Promise(requestAnimationFrame);
    return performance.now() - start;
  });
  expect(took, "ms for a jump to the top").toBeLessThan(2_000);
  expect((await rowsOf(page)).at(0)).toEqual({ place: 0, name: nameAt(0) });
  expect(fake.listed.length, "nothing is asked for again").toBe(asked);

  // A run that starts now comes first and moves the others down by one, without a question.
  const [fresh] = summaries(1);
  if (!fresh) throw new Error("no run");
  fake.tell({ ...fresh, id: "01Z", subject: "fresh.pdf" });
  await page.getByRole("link", { name: "fresh.pdf" }).waitFor();
  expect((await rowsOf(page)).slice(0, 3).map((r) => r.name)).toEqual(["fresh.pdf", nameAt(0), nameAt(1)]);
  expect(fake.listed.length).toBe(asked);
  await accessible(page);
  fake.many(all);
  await leave(seat);
});

test("a filter over 100,000 runs starts at its own first page and keeps its pages apart", async () => {
  const seat = await sit(browser, origin);
  const { page } = seat;
  await page.goto("/runs");
  await page.getByRole("link", { name: `invoice-${String(all)}.pdf` }).waitFor();
  await scrollThrough(page, 500, (place) => `invoice-${String(all - place)}.pdf`);
  await page.evaluate(() => window.scrollTo(0, 0));
  fake.listed.length = 0;

  const failed = fake.runs.filter((r) => r.verdict === "failed").map((r) => r.subject);
  await page.getByLabel("Verdict").selectOption("failed");
  await page.waitForURL(/verdict=failed/);
  await page.getByRole("link", { name: failed[0] ?? "", exact: true }).waitFor();
  await expect.poll(async () => (await rowsOf(page))[1]?.name).toBe(failed[1]);
  await scrollThrough(page, 600, (place) => failed[place] ?? "");
  expect(new Set(fake.listed).size, "no page twice").toBe(fake.listed.length);
  expect(fake.listed.every((q) => q.includes("verdict=failed"))).toBe(true);

  await page.goBack();
  await expect.poll(() => new URL(page.url()).search).toBe("");
  await leave(seat);
});
