import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, fits, launch, leave, picture, sit } from "./browser.ts";
import { Skerry } from "./skerry.ts";

// A model file goes into the real appliance by way of the browser, and out
// again.

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

/** A GGUF file that there is in any case: the weights of a starter model. */
function weights(): string {
  const folder = new URL("../../embed/starter/", import.meta.url).pathname;
  const name = readdirSync(folder).find((n) => n.endsWith(".gguf"));
  if (!name) throw new Error(`there is no starter model in ${folder}`);
  return join(folder, name);
}

test("a model file is imported, checked, started by name and removed", async () => {
  const seat = await sit(browser, origin, {});
  const { page } = seat;
  await page.goto(skerry.link());
  await page.getByRole("heading", { level: 1 }).filter({ hasText: "Hello" }).waitFor();
  await page.goto("/models");
  await page.getByText("no general assistant").first().waitFor();
  await page.getByRole("button", { name: "Import a model" }).click();

  // What is no model is not sent at all.
  const wrong = join(tmpdir(), "skerry-e2e-no-model.gguf");
  writeFileSync(wrong, "%PDF-1.7 hello");
  await page.locator("input[type=file]").setInputFiles(wrong);
  await page.getByText("skerry-e2e-no-model.gguf is not a GGUF file.").waitFor();
  expect(await page.getByRole("button", { name: "Import", exact: true }).isDisabled()).toBe(true);

  // What only looks like one is refused with what to do.
  const cut = join(tmpdir(), "skerry-e2e-cut.gguf");
  writeFileSync(cut, "GGUF\u0003\u0000\u0000\u0000");
  await page.locator("input[type=file]").setInputFiles(cut);
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText(/get the file again/).waitFor();
  await accessible(page);
  seat.faults.length = 0; // the browser notes the refusal

  await page.locator("input[type=file]").setInputFiles(weights());
  await page.getByLabel("Id", { exact: true }).fill("mine");
  await page.getByLabel("Prompt profile").selectOption("starter");
  await picture(page, "import");
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText(/is in the catalogue/).waitFor();
  await page.getByText("mine: {clearance: internal}").waitFor();
  const card = page.locator('[data-model="mine"]');
  await card.getByText("imported", { exact: true }).waitFor();
  await card.getByText("cleared for nothing").waitFor();
  await card.getByText(/weights .* cache .* work/).waitFor();
  await accessible(page);
  await fits(page);
  await picture(page, "imported");

  await card.getByRole("button", { name: /^Start/ }).click();
  await card.getByText("Running").waitFor();
  await card.getByRole("button", { name: /^Examine/ }).click();
  await card.getByText(/^Examined on this host/).click({ timeout: 90_000 });
  await card.getByText("Finds one line in a long text").waitFor();
  await accessible(page);
  await picture(page, "examined");
  await card.getByRole("button", { name: /^Remove/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await card.waitFor({ state: "detached" });
  await leave(seat);
}, 240_000);

test("the parts of a split model are sent together, and go on where they were broken off", async () => {
  const dir = mkdtempSync(join(tmpdir(), "skerry-e2e-split-"));
  execFileSync("go", ["run", "./plugins/local/gguf/gguftest/cut", weights(), dir, "3"], {
    cwd: new URL("../../", import.meta.url).pathname,
  });
  const parts = readdirSync(dir).map((name) => join(dir, name));
  expect(parts).toHaveLength(3);

  const seat = await sit(browser, origin, {});
  const { page } = seat;
  await page.goto(skerry.link());
  await page.getByRole("heading", { level: 1 }).filter({ hasText: "Hello" }).waitFor();
  await page.goto("/models");
  await page.getByRole("button", { name: "Import a model" }).click();
  const files = page.locator("input[type=file]");
  const go = page.getByRole("button", { name: "Import", exact: true });

  await files.setInputFiles(parts.slice(0, 2));
  await page.getByText(/-00003-of-00003\.gguf is missing/).waitFor();
  expect(await go.isDisabled()).toBe(true);

  // The wire is cut before the second part.
  const sent: string[] = [];
  let cut = true;
  await page.route("**/api/v1/model-uploads/*/files/*", async (route) => {
    const number = new URL(route.request().url()).pathname.split("/").pop() ?? "";
    if (cut && number === "1") {
      await route.abort("connectionreset");
      return;
    }
    sent.push(number);
    await route.continue();
  });
  await files.setInputFiles(parts);
  await page.getByLabel("Id", { exact: true }).fill("joined");
  await page.getByLabel("Prompt profile").selectOption("starter");
  await go.click();
  await page.getByRole("alert").waitFor();
  await accessible(page);
  await picture(page, "import-broken-off");
  expect(sent).toEqual(["0"]);

  // The page is closed over it, and whoever comes again goes on.
  cut = false;
  await page.reload();
  await page.getByRole("button", { name: "Import a model" }).click();
  await files.setInputFiles(parts);
  await page.getByLabel("Id", { exact: true }).fill("joined");
  await page.getByLabel("Prompt profile").selectOption("starter");
  await go.click();
  await page.getByText(/is in the catalogue/).waitFor();
  expect(sent).toEqual(["0", "1", "2"]);
  seat.faults.length = 0; // the browser notes the cut
  const card = page.locator('[data-model="joined"]');
  await card.getByRole("button", { name: /^Start/ }).click();
  await card.getByText("Running").waitFor();
  await card.getByRole("button", { name: /^Remove/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await card.waitFor({ state: "detached" });
  await leave(seat);
}, 180_000);
