import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, fits, launch, leave, picture, sit } from "./browser.ts";
import { Skerry } from "./skerry.ts";

// An account from the invitation to its end, in the browsers of two people, with
// the real appliance.

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

test("a person is invited, sets a password, signs in, and is kept out", async () => {
  const admin = await sit(browser, origin);
  await admin.page.goto(skerry.link());
  await admin.page.getByRole("heading", { level: 1 }).filter({ hasText: "Hello" }).waitFor();
  await admin.page.goto("/people");
  await admin.page.getByText("Nobody has an account yet").waitFor();
  await admin.page.getByRole("button", { name: "Add a person" }).click();
  await admin.page.getByLabel("Name", { exact: true }).fill("Ada Winter");
  await admin.page.getByLabel("Login").fill("Ada");
  await admin.page.getByText("It begins with a small letter").waitFor();
  await admin.page.getByLabel("Login").fill("ada");
  await admin.page.getByLabel("approver").check();
  expect(await admin.page.getByLabel("auditor").isDisabled(), "an auditor does nothing else").toBe(true);
  await accessible(admin.page);
  await admin.page.getByRole("button", { name: "Make the account" }).click();
  await admin.page.getByText("A link for Ada Winter").waitFor();
  const link = await admin.page.getByText("/enrol#token=").innerText();
  await accessible(admin.page);
  await picture(admin.page, "people-link");

  const ada = await sit(browser, origin, { size: "narrow" });
  await ada.page.goto(link);
  await ada.page.getByText("Welcome, Ada Winter").waitFor();
  expect(ada.page.url(), "the token leaves the address bar").not.toContain("token");
  const password = ada.page.getByLabel("New password");
  const again = ada.page.getByLabel("The same again");
  await password.fill("ada winter 99");
  await again.fill("ada winter");
  await ada.page.getByText("The two are not the same").waitFor();
  await again.fill("ada winter 99");
  await ada.page.getByRole("button", { name: "Set the password and sign in" }).click();
  await ada.page.getByText("anybody would try").first().waitFor();
  await accessible(ada.page);
  await fits(ada.page);
  await picture(ada.page, "enrol");
  ada.faults.length = 0; // the browser notes the refusal
  await password.fill("glazed otter hums at noon");
  await again.fill("glazed otter hums at noon");
  await ada.page.getByRole("button", { name: "Set the password and sign in" }).click();
  await ada.page.getByRole("heading", { name: "Hello, Ada Winter" }).waitFor();

  // The link is used up, and what she may not see is not offered.
  const thief = await sit(browser, origin);
  await thief.page.goto(link);
  await thief.page.getByText("was used already").waitFor();
  thief.faults.length = 0;
  await leave(thief);
  await ada.page.getByRole("button", { name: /Ada Winter/ }).click();
  expect(await ada.page.getByRole("menuitem", { name: "People" }).count()).toBe(0);
  await ada.page.getByRole("menuitem", { name: "Sign out" }).click();

  const enter = async (secret: string) => {
    await ada.page.getByLabel("Login").fill("ada");
    await ada.page.getByLabel("Password", { exact: true }).fill(secret);
    await ada.page.getByRole("button", { name: "Sign in", exact: true }).click();
  };
  await ada.page.getByRole("heading", { name: "Sign in to Skerry" }).waitFor();
  await enter("glazed otter hums at night");
  await ada.page.getByText("Login or password is wrong").waitFor();
  await accessible(ada.page);
  await picture(ada.page, "sign-in-wrong");
  ada.faults.length = 0;
  await enter("glazed otter hums at noon");
  await ada.page.getByRole("heading", { name: "Hello, Ada Winter" }).waitFor();

  // Disabled, she is out at once.
  await admin.page.getByRole("button", { name: "Done" }).click();
  const card = admin.page.locator('[data-person="ada"]');
  await card.getByRole("button", { name: "Disable" }).click();
  await card.getByText("disabled").waitFor();
  await ada.page.goto("/runs");
  await ada.page.getByRole("heading", { name: "Sign in to Skerry" }).waitFor();
  await enter("glazed otter hums at noon");
  await ada.page.getByText("Login or password is wrong").waitFor();
  ada.faults.length = 0;
  await card.getByRole("button", { name: "Remove" }).click();
  await admin.page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await admin.page.getByText("Nobody has an account yet").waitFor();
  await leave(ada);
  await leave(admin);
}, 120_000);

test("a service key is made, shown once, used and revoked", async () => {
  const admin = await sit(browser, origin);
  await admin.page.goto(skerry.link());
  await admin.page.getByRole("heading", { level: 1 }).filter({ hasText: "Hello" }).waitFor();
  await admin.page.goto("/people");
  await admin.page.getByText("There is none yet").waitFor();
  await admin.page.getByRole("button", { name: "Make a service key" }).click();
  const go = admin.page.getByRole("button", { name: "Make the key" });
  await admin.page.getByLabel("Name of the program").fill("inbox");
  expect(await go.isDisabled(), "a key is for some missions, or for all").toBe(true);
  await admin.page.getByLabel("invoice", { exact: true }).check();
  await accessible(admin.page);
  await fits(admin.page);
  await go.click();
  await admin.page.getByText("The key of inbox").waitFor();
  const key = await admin.page.getByText(/^skerry_key_/).innerText();
  await accessible(admin.page);
  await picture(admin.page, "key-given");

  const ask = (path: string) => fetch(`${origin}/api/v1${path}`, { headers: { Authorization: `Bearer ${key}` } });
  expect((await ask("/missions")).status).toBe(200);
  expect((await ask("/people")).status).toBe(403);
  await admin.page.reload();
  const card = admin.page.locator('[data-key="inbox"]');
  await card.getByText("only invoice").waitFor();
  await card.getByText("used last on").waitFor();
  expect(await admin.page.getByText(key).count(), "it is shown once").toBe(0);
  await card.getByRole("button", { name: "Revoke" }).click();
  await admin.page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await admin.page.getByText("There is none yet").waitFor();
  expect((await ask("/missions")).status).toBe(401);
  await leave(admin);
}, 60_000);
