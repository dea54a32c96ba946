import type { Browser } from "playwright-core";
import { afterAll, beforeAll, test } from "vitest";
import { accessible, fits, launch, leave, picture, sit } from "./browser.ts";
import { Skerry } from "./skerry.ts";

// One's own account, with the real appliance, in two browsers and two languages.

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

test("a person changes their password, and ends their other sessions", async () => {
  const admin = await sit(browser, origin);
  await admin.page.goto(skerry.link());
  await admin.page.getByRole("heading", { level: 1 }).filter({ hasText: "Hello" }).waitFor();
  await admin.page.goto("/people");
  await admin.page.getByRole("button", { name: "Add a person" }).click();
  await admin.page.getByLabel("Name", { exact: true }).fill("Bob Fall");
  await admin.page.getByLabel("Login").fill("bob");
  await admin.page.getByRole("button", { name: "Make the account" }).click();
  const link = await admin.page.getByText("/enrol#token=").innerText();
  await leave(admin);

  const bob = await sit(browser, origin, { locale: "de-DE" });
  await bob.page.goto(link);
  await bob.page.getByLabel("Neues Passwort").fill("glazed otter hums at noon");
  await bob.page.getByLabel("Noch einmal dasselbe").fill("glazed otter hums at noon");
  await bob.page.getByRole("button", { name: "Passwort festlegen und anmelden" }).click();
  await bob.page.getByRole("heading", { level: 1 }).filter({ hasText: "Bob Fall" }).waitFor();
  const other = await sit(browser, origin);
  await other.page.goto("/sign-in");
  await other.page.getByLabel("Login").fill("bob");
  await other.page.getByLabel("Password", { exact: true }).fill("glazed otter hums at noon");
  await other.page.getByRole("button", { name: "Sign in", exact: true }).click();
  await other.page.getByRole("heading", { name: "Hello, Bob Fall" }).waitFor();

  await bob.page.goto("/account");
  await bob.page.getByRole("button", { name: "Alle anderen beenden" }).waitFor();
  await bob.page.getByLabel("Ihr bisheriges Passwort").fill("wrong");
  await bob.page.getByLabel("Neues Passwort").fill("purple lamp sings softly");
  await bob.page.getByLabel("Noch einmal dasselbe").fill("purple lamp sings softly");
  await bob.page.getByRole("button", { name: "Passwort ändern" }).click();
  await bob.page.getByText("This is not your password").first().waitFor();
  await accessible(bob.page);
  await bob.page.getByLabel("Ihr bisheriges Passwort").fill("glazed otter hums at noon");
  await bob.page.getByRole("button", { name: "Passwort ändern" }).click();
  await bob.page.getByText("Das Passwort ist geändert").waitFor();
  await fits(bob.page);
  await picture(bob.page, "account-de");
  await other.page.goto("/runs");
  await other.page.getByRole("heading", { name: "Sign in to Skerry" }).waitFor();
  other.faults.length = 0;
  bob.faults.length = 0;
  await leave(other);
  await leave(bob);
}, 120_000);
