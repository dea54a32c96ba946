import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessible, fits, launch, leave, picture, type Scheme, sit, type Size } from "./browser.ts";
import { Fake } from "./fake.ts";
import { approved, parked, running, threshold, unreadable } from "./fixtures/runs.ts";

let browser: Browser;
let fake: Fake;
let origin: string;

beforeAll(async () => {
  browser = await launch();
  fake = new Fake();
  for (const f of [running(), threshold(), parked(), approved(), unreadable()]) fake.add(f);
  origin = await fake.start();
});
afterAll(async () => {
  await browser.close();
  await fake.stop();
});

// Every page, and the words that show it has loaded.
const pages: [string, string, string][] = [
  ["home", "/", "Waiting for your decision"],
  ["missions", "/missions", "Invoice processing"],
  ["mission", "/missions/invoice", "It rises to"],
  ["mission-samples", "/missions/invoice?with=samples", "routine-calder-tools"],
  ["runs", "/runs", "nordwind-2026-0417.pdf"],
  ["runs-empty", "/runs?verdict=abstained", "No run matches"],
  ["run-running", "/runs/01RUNNING", "Ada Admin started"],
  ["run-waiting", "/runs/01THRESHOLD", "A decision waits in Finance"],
  ["run-parked", "/runs/01PARKED", "The data goes nowhere else"],
  ["run-approved", "/runs/01APPROVED", "Verdict: Approved"],
  ["run-unreadable", "/runs/01UNREADABLE", "could not be read: it is encrypted"],
  ["run-missing", "/runs/01NOWHERE", "There is no such run"],
  ["decisions", "/decisions", "Release this payment?"],
  ["decision", "/decisions/d1", "The total of 14,994.00 EUR"],
  ["models", "/models", "Both pools use the same weights for now"],
  ["audit", "/audit", "2,345 entries"],
  ["people", "/people", "has set no password yet"],
  ["about", "/about", "Apache-2.0"],
  ["lost", "/nowhere", "Nothing lives at this address"],
];

describe.each<[Size, Scheme]>([
  ["wide", "light"],
  ["wide", "dark"],
  ["narrow", "light"],
  ["narrow", "dark"],
])("%s and %s", (size, scheme) => {
  test.each(pages)("%s is accessible and fits", async (name, path, words) => {
    const seat = await sit(browser, origin, { size, scheme });
    await seat.page.goto(path);
    await seat.page.getByText(words).first().waitFor();
    await picture(seat.page, `${name}-${size}-${scheme}`);
    await accessible(seat.page);
    await fits(seat.page);
    await leave(seat);
  });
});

test("a file that is too large is named, and nothing is sent", async () => {
  const seat = await sit(browser, origin);
  await seat.page.goto("/missions/invoice");
  await seat.page.locator("input[type=file]").setInputFiles([
    { name: "fine.txt", mimeType: "text/plain", buffer: Buffer.from("fine") },
    { name: "huge.txt", mimeType: "text/plain", buffer: Buffer.alloc(20_000_001, 97) },
  ]);
  await seat.page.getByRole("button", { name: "Start 2 runs" }).click();
  await seat.page.getByText("huge.txt is larger than 20 MB").waitFor();
  expect(fake.received).toEqual([]);
  await accessible(seat.page);
  await leave(seat);
});

test("an urgent notice stays, and the others can be put aside", async () => {
  fake.notices = [{ code: "disk-read-only", urgent: true, text: { en: "The disk of the appliance is nearly full." } }];
  const seat = await sit(browser, origin);
  await seat.page.goto("/audit");
  await seat.page.getByRole("alert").getByText("nearly full").waitFor();
  await accessible(seat.page);
  await picture(seat.page, "notice-urgent");
  await seat.page.getByRole("button", { name: "Put this notice aside" }).click();
  expect(await seat.page.getByText("Only starter models are installed").count()).toBe(0);
  expect(await seat.page.getByText("nearly full").count()).toBe(1);
  fake.notices = [];
  await leave(seat);
});

test("the sign-in page is accessible and says how to get a link", async () => {
  fake.signedIn = false;
  const seat = await sit(browser, origin, { size: "narrow" });
  await seat.page.goto("/runs");
  await seat.page.getByText("sign in without an account").click();
  await seat.page.getByText("skerry user link").waitFor();
  await accessible(seat.page);
  await picture(seat.page, "sign-in-narrow-light");
  expect(new URL(seat.page.url()).pathname).toBe("/sign-in");

  await seat.page.goto("/sign-in#token=stale");
  await seat.page.getByText("has been used or has expired").waitFor();
  expect(seat.page.url(), "the token leaves the address bar").not.toContain("token");
  await seat.page.goto("/about");
  await seat.page.goto("/sign-in#token=good");
  await seat.page.getByText("Waiting for your decision").waitFor();
  await leave(seat);
});
