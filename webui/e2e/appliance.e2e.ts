import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, fits, launch, leave, picture, type Seat, sit, type SeatOptions } from "./browser.ts";
import { Skerry } from "./skerry.ts";

// The stories that people come for, in the browser, against the real appliance
// and its real models.

let browser: Browser;
let skerry: Skerry;
let origin: string;

beforeAll(async () => {
  browser = await launch();
  skerry = new Skerry();
  origin = await skerry.start();
});
afterAll(async () => {
  await browser.close();
  await skerry.stop();
});

// One session for all: how often somebody may sign in a minute is limited.
let signedIn: SeatOptions["state"];

async function signIn(options: SeatOptions = {}): Promise<Seat> {
  const seat = await sit(browser, origin, { ...options, state: signedIn });
  await seat.page.goto(signedIn ? "/" : skerry.link());
  await seat.page
    .getByRole("heading", { level: 1 })
    .filter({ hasText: /Hello|Guten Tag/ })
    .waitFor();
  signedIn ??= await seat.context.storageState();
  return seat;
}

/** Starts one sample of a story from the page of the mission; ends on the page of its run. */
async function startSample(page: Page, file: string) {
  await page.goto("/missions/invoice?with=samples");
  const sample = page.locator(`[data-file="${file}"]`);
  await sample.waitFor({ state: "attached" });
  await page.locator("details", { has: sample }).evaluate((d) => d.setAttribute("open", ""));
  await sample.getByRole("checkbox").check();
  await page.getByRole("button", { name: "Start 1 run" }).click();
  await page.waitForURL(/\/runs\/\w+$/);
}

const verdict = (page: Page, is: string) =>
  page.getByText(`Verdict: ${is}`, { exact: true }).waitFor({ timeout: 60_000 });
const rail = (page: Page) => page.getByRole("list", { name: "Explain rail" });
const decide = (page: Page, action: RegExp) => page.getByRole("button", { name: action });
const confirm = async (page: Page, action: RegExp) =>
  page.getByRole("dialog").getByRole("button", { name: action }).click();

test("routine: the link signs in, a sample runs, the rail fills, the verdict is approved", async () => {
  const seat = await signIn();
  const { page } = seat;
  expect(page.url()).not.toContain("token");
  await startSample(page, "routine-ambleton-networks.txt");
  await rail(page).getByText("approved").last().waitFor({ timeout: 60_000 });
  await verdict(page, "Approved");
  expect(await rail(page).getByRole("listitem").count()).toBeGreaterThan(5);

  const field = page.getByRole("button", { name: /^Total amount/ }).first();
  await field.focus();
  await page.locator("mark[data-active]").first().waitFor();
  await page.locator("mark").first().click();
  await page.locator("main button[aria-pressed=true]").waitFor();

  const routed = rail(page).getByRole("listitem").filter({ hasText: "is asked, at class" }).first();
  await routed.getByRole("button", { name: "Details" }).click();
  await page.getByText("Policy rule").first().waitFor();
  await picture(page, "real-routine");
  await accessible(page);
  await leave(seat);
});

test("a link works only once", async () => {
  const link = skerry.link();
  const first = await sit(browser, origin);
  await first.page.goto(link);
  await first.page.getByText("Waiting for your decision").waitFor();
  await leave(first);
  const second = await sit(browser, origin);
  await second.page.goto(link);
  await second.page.getByRole("alert").waitFor();
  await accessible(second.page);
  await leave(second);
});

test("threshold: the run waits, an amendment with a reason ends it well", async () => {
  const seat = await signIn();
  const { page } = seat;
  await startSample(page, "threshold-adlerberg-stahl.txt");
  await page.getByText(/^Waits for a decision/).waitFor({ timeout: 60_000 });
  await accessible(page);
  const supplier = page.getByRole("textbox", { name: "Supplier name" });
  await supplier.fill("Adlerberg Stahl Gesellschaft");
  await decide(page, /^Approve with 1 correction/).click();
  await page.getByText("Say why: others will read it.").waitFor();
  await page.getByRole("textbox", { name: "Reason" }).fill("the register says so");
  await decide(page, /^Approve with 1 correction/).click();
  await picture(page, "real-amend-confirm");
  await accessible(page);
  await confirm(page, /^Approve with 1 correction/);
  await verdict(page, "Approved");
  await page.getByText("a person’s word").first().waitFor();
  await page.getByText("Adlerberg Stahl Gesellschaft").first().waitFor();
  await leave(seat);
});

test("threshold: a rejection from the queue ends the run as rejected", async () => {
  const seat = await signIn({ size: "narrow", scheme: "dark" });
  const { page } = seat;
  await startSample(page, "threshold-larkmoor-medical.pdf");
  await page.getByText(/^Waits for a decision/).waitFor({ timeout: 60_000 });
  await page.getByRole("link", { name: /^Decisions/ }).click();
  await page.getByRole("link", { name: "Release this payment?" }).last().click();
  await page.getByText("What is decided").waitFor();
  await accessible(page);
  await fits(page);
  await picture(page, "real-decision-narrow-dark");
  await decide(page, /^Reject$/).click();
  await page.getByRole("textbox", { name: "Reason" }).fill("ordered twice");
  await decide(page, /^Reject$/).click();
  await confirm(page, /^Reject$/);
  await page.getByText(/rejected this$/).waitFor();
  await page.getByRole("link", { name: "See the run" }).click();
  await verdict(page, "Rejected");
  await accessible(page);
  await leave(seat);
});

test("restricted: with no cleared model the run parks and goes on by itself when one is back", async () => {
  const seat = await signIn();
  const { page } = seat;
  await page.goto("/models");
  for (;;) {
    const stop = page.getByRole("button", { name: /^Stop / }).first();
    await page
      .getByRole("button", { name: /^St(art|op) / })
      .first()
      .waitFor();
    if ((await stop.count()) === 0) break;
    const name = await stop.textContent();
    await stop.click();
    await page.getByText("nothing is sent elsewhere").waitFor();
    await confirm(page, /^Stop$/);
    await page.getByRole("button", { name: (name ?? "").replace("Stop", "Start"), exact: true }).waitFor();
  }
  await accessible(page);
  await startSample(page, "restricted-falkenmoor-technik.txt");
  await page.getByText("Parked: no cleared model is available").waitFor({ timeout: 30_000 });
  await rail(page).getByRole("listitem").nth(3).waitFor();
  await picture(page, "real-parked");
  await accessible(page);

  const other = await seat.context.newPage();
  await other.goto("/models");
  const start = other.getByRole("button", { name: /^Start / });
  await start.first().waitFor();
  for (let stopped = await start.count(); stopped > 0; stopped--) {
    await start.first().click();
    await start.nth(stopped - 1).waitFor({ state: "detached" });
  }
  await other.close();
  await verdict(page, "Approved");
  expect(await page.getByText("Restricted").count()).toBeGreaterThan(0);
  await leave(seat);
});

test("escalation: the rail shows both attempts, both costs, and which one counts", async () => {
  const seat = await signIn();
  const { page } = seat;
  await startSample(page, "terms-marrowby-machinery-advance.txt");
  const attempts = rail(page).getByRole("list", { name: /^Attempts of/ });
  await attempts.getByText("used", { exact: true }).waitFor({ timeout: 60_000 });
  expect(await attempts.getByRole("listitem").count()).toBe(2);
  expect(await attempts.getByText("EUR").count()).toBe(2);
  await picture(page, "real-escalated");
  await accessible(page);
  await leave(seat);
});

test("own files: several at once become several runs, and a bad one says what is wrong with it", async () => {
  const seat = await signIn();
  const { page } = seat;
  await page.goto("/missions/invoice");
  await page.locator("input[type=file]").setInputFiles([
    {
      name: "notes.txt",
      mimeType: "text/plain",
      buffer: Buffer.from("Dear all, the meeting is at noon. No invoice here."),
    },
    { name: "empty.txt", mimeType: "text/plain", buffer: Buffer.alloc(0) },
    { name: "rubbish.pdf", mimeType: "application/pdf", buffer: Buffer.from([0, 1, 2, 3, 255, 254, 0, 7]) },
  ]);
  await page.getByRole("button", { name: "Start 3 runs" }).click();
  await page.getByText(/runs? started$/).waitFor({ timeout: 30_000 });
  await accessible(page);
  await picture(page, "real-own-files");
  await page.getByRole("link", { name: "rubbish.pdf" }).click();
  await page.getByText(/^Verdict: (Failed|Referred)/).waitFor({ timeout: 60_000 });
  await picture(page, "real-rubbish");
  await accessible(page);
  await leave(seat);
});

test("runs: filters keep what they say, by address too", async () => {
  const seat = await signIn();
  const { page } = seat;
  await page.goto("/runs");
  const rows = page.getByRole("table", { name: "Runs" }).getByRole("row");
  await rows.nth(5).waitFor();
  await page.getByLabel("Verdict").selectOption("rejected");
  await page.waitForURL(/verdict=rejected/);
  await page.getByText("threshold-larkmoor-medical.pdf").waitFor();
  await page.getByText("routine-ambleton-networks.txt").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.getByRole("searchbox", { name: "Search" }).fill("falkenmoor");
  await page.waitForURL(/text=falkenmoor/);
  await page.getByText("restricted-falkenmoor-technik.txt").waitFor();
  await page.getByText("routine-ambleton-networks.txt").waitFor({ state: "detached" });
  await accessible(page);
  await leave(seat);
});

test("author: a mission is edited, told what is wrong by line, saved and published", async () => {
  const seat = await signIn();
  const { page } = seat;
  await page.goto("/missions/invoice");
  await page.getByRole("link", { name: "Edit" }).click();
  const file = page.getByRole("textbox", { name: "Mission file (YAML)" });
  await page.getByText("No problems: it can be published like this.").waitFor();
  const before = await file.inputValue();
  const line = before.split("\n").findIndex((l) => l.includes("invoice.total_amount > 0")) + 1;
  expect(line).toBeGreaterThan(0);
  await file.fill(before.replace("invoice.total_amount > 0", "invoice.total_amonut > 0"));
  const problem = page.getByRole("button", { name: new RegExp(`^line ${String(line)}, column`) });
  await problem.waitFor();
  expect(await page.getByRole("button", { name: "Publish" }).isDisabled()).toBe(true);
  await problem.click();
  const chosen = await file.evaluate((e: HTMLTextAreaElement) => e.value.slice(e.selectionStart, e.selectionEnd));
  expect(chosen, "the line is selected").toContain("total_amonut");
  await picture(page, "real-editor");
  await accessible(page);

  // Leaving asks first; staying keeps what was written.
  await page.getByRole("link", { name: "Runs", exact: true }).click();
  await confirm(page, /^Keep editing$/);
  await file.fill(`${before}# edited in the browser\n`);
  await page.getByText("No problems: it can be published like this.").waitFor();
  await page.getByRole("button", { name: "Save draft" }).click();
  await page.getByText("Draft saved").waitFor();
  await page.getByRole("button", { name: "Publish" }).click();
  await accessible(page);
  await confirm(page, /^Publish$/);
  await page.getByText("Version 2", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await page.getByText("# edited in the browser").waitFor();
  await leave(seat);
});

test("the start form says what is missing", async () => {
  const seat = await signIn({ size: "narrow" });
  const { page } = seat;
  await page.goto("/missions/invoice");
  await page.getByRole("button", { name: "Start 1 run" }).click();
  await page.getByText("Choose a file first.").waitFor();
  await accessible(page);
  await page.goto("/missions/invoice?with=samples");
  await page.getByRole("checkbox").first().waitFor();
  await page.getByRole("button", { name: "Start 1 run" }).click();
  await page.getByText("Choose a sample first.").waitFor();
  await accessible(page);
  await fits(page);
  await leave(seat);
});

test("keyboard only, in German: start a sample, watch it, decide", async () => {
  const seat = await signIn({ locale: "de-DE" });
  const { page } = seat;
  /** Tabs until what has the focus is named so. */
  const tabTo = async (name: RegExp) => {
    for (let i = 0; i < 200; i++) {
      await page.keyboard.press("Tab");
      const found = await page.evaluate(() => {
        const e = document.activeElement;
        const label = e?.id ? document.querySelector(`label[for="${e.id}"]`)?.textContent : "";
        return `${e?.getAttribute("aria-label") ?? ""} ${label ?? ""} ${e?.textContent ?? ""}`.trim();
      });
      if (name.test(found)) return;
    }
    throw new Error(`Tab never reached ${String(name)}`);
  };
  await page.keyboard.press("Tab");
  await page.getByRole("link", { name: "Zum Inhalt springen" }).waitFor();
  await page.keyboard.press("Enter");
  await tabTo(/^Mit einem von/);
  await page.keyboard.press("Enter");
  await page.getByRole("checkbox").first().waitFor();
  await tabTo(/^Über der Schwelle/);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await tabTo(/^1 Lauf starten/);
  await page.keyboard.press("Enter");
  await page.getByText(/^Wartet auf eine Entscheidung/).waitFor({ timeout: 60_000 });
  await tabTo(/^Genehmigen/);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await tabTo(/^Genehmigen/);
  await page.keyboard.press("Enter");
  await page.getByText("Urteil: Genehmigt", { exact: true }).waitFor({ timeout: 60_000 });
  await picture(page, "real-german");
  await accessible(page);
  await leave(seat);
});

test("signing out ends the session", async () => {
  const seat = await signIn();
  const { page } = seat;
  await page.getByRole("button", { name: /^Account of/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  signedIn = undefined;
  await page.getByRole("heading", { name: "Sign in to Skerry" }).waitFor();
  await page.goto("/runs");
  await page.getByRole("heading", { name: "Sign in to Skerry" }).waitFor();
  await leave(seat);
});

test.each([
  "/",
  "/missions",
  "/missions/invoice",
  "/missions/invoice?edit",
  "/runs",
  "/decisions",
  "/decisions?show=settled",
  "/models",
  "/about",
])("%s of the real appliance is accessible and fits, in every size and scheme", async (path) => {
  for (const size of ["wide", "narrow"] as const) {
    for (const scheme of ["light", "dark"] as const) {
      const seat = await signIn({ size, scheme });
      await seat.page.goto(path);
      await seat.page.getByRole("heading", { level: 1 }).waitFor();
      await seat.page.waitForLoadState("load");
      await seat.page.waitForFunction(() => document.querySelector("[data-loading]") === null);
      await accessible(seat.page);
      await fits(seat.page);
      await picture(seat.page, `real${path.replaceAll(/\W+/g, "-")}-${size}-${scheme}`);
      await leave(seat);
    }
  }
});
