import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, fits, launch, leave, picture, sit } from "./browser.ts";
import { Skerry } from "./skerry.ts";

// A change that takes two people, in the browsers of two administrators, with the
// real appliance.

let browser: Browser;
let skerry: Skerry;
let origin: string;

beforeAll(async () => {
  browser = await launch();
  skerry = new Skerry();
  origin = await skerry.start({ fourEyes: true });
});
afterAll(async () => {
  await browser.close();
  await skerry.stop();
});

test("one administrator proposes, another approves, and a broken glass is seen by all", async () => {
  const admin = async (login: string, name: string, password: string) => {
    const seat = await sit(browser, origin, login === "bob" ? { size: "narrow" } : {});
    await seat.page.goto(skerry.run("user", "add", login, "--name", name, "--role", "admin"));
    await seat.page.getByLabel("New password").fill(password);
    await seat.page.getByLabel("The same again").fill(password);
    await seat.page.getByRole("button", { name: "Set the password and sign in" }).click();
    await seat.page.getByRole("heading", { name: `Hello, ${name}` }).waitFor();
    return seat;
  };
  const ann = await admin("ann", "Ann Winter", "glazed otter hums at noon");
  await ann.page.getByText("Nobody can approve governed changes yet").waitFor();
  const bob = await admin("bob", "Bob Summer", "purple lamp sings softly");

  // Ann wants another approver.
  await ann.page.goto("/people");
  await ann.page.getByRole("button", { name: "Add a person" }).click();
  await ann.page.getByLabel("Name", { exact: true }).fill("Cy Dale");
  await ann.page.getByLabel("Login").fill("cy");
  await ann.page.getByLabel("approver").check();
  await ann.page.getByRole("button", { name: "Make the account" }).click();
  await ann.page.getByText("nothing has changed yet").waitFor();
  await accessible(ann.page);
  await ann.page.getByRole("link", { name: "See the proposal" }).click();
  await ann.page.getByText("You proposed").waitFor();
  expect(await ann.page.getByRole("button", { name: "Approve", exact: true }).count(), "not by its proposer").toBe(0);
  await picture(ann.page, "proposal-own");

  // Bob finds it by the number at his account.
  await bob.page.goto("/");
  await bob.page.getByRole("button", { name: /Bob Summer, 1 proposal to approve/ }).click();
  await bob.page.getByRole("menuitem", { name: "Proposals" }).click();
  await bob.page.getByText("for you to approve").waitFor();
  await accessible(bob.page);
  await fits(bob.page);
  await picture(bob.page, "proposals");
  await bob.page.getByRole("link", { name: "Account for Cy Dale" }).click();
  await bob.page.getByText("no account").waitFor();
  await accessible(bob.page);
  await fits(bob.page);
  await picture(bob.page, "proposal");

  // More than five minutes later he is asked whether it is still him.
  const refused = {
    status: 403,
    contentType: "application/problem+json",
    body: JSON.stringify({ type: "urn:skerry:step-up", title: "Step up", status: 403, detail: "Prove it." }),
  };
  await bob.page.route("**/approve", (route) => route.fulfill(refused), { times: 1 });
  await bob.page.getByRole("button", { name: "Approve", exact: true }).click();
  await bob.page.getByRole("dialog").getByRole("button", { name: "Approve", exact: true }).click();
  const asked = bob.page.getByRole("dialog", { name: "Is it still you?" });
  await asked.getByLabel("Password", { exact: true }).fill("wrong");
  await asked.getByRole("button", { name: "Go on" }).click();
  await asked.getByText("The password is wrong").waitFor();
  await picture(bob.page, "step-up");
  await asked.getByLabel("Password", { exact: true }).fill("purple lamp sings softly");
  await asked.getByRole("button", { name: "Go on" }).click();
  await bob.page.getByText("two people", { exact: true }).waitFor();
  await bob.page.goto("/people");
  await bob.page.locator('[data-person="cy"]').waitFor();

  // What waits for an account is said there, too; ann breaks the glass.
  const cy = ann.page.locator('[data-person="cy"]');
  await ann.page.goto("/people");
  await cy.getByRole("button", { name: "Remove" }).click();
  await ann.page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await cy.getByText("nothing has changed yet").waitFor();
  await cy.getByRole("link", { name: "See the proposal" }).click();
  await ann.page.getByRole("button", { name: "Do it alone (emergency)" }).click();
  const glass = ann.page.getByRole("dialog");
  expect(await glass.getByRole("button", { name: "Break the glass" }).isDisabled(), "it needs a reason").toBe(true);
  await glass.getByLabel("Reason").fill("his key was stolen, bob is away");
  await glass.getByRole("button", { name: "Break the glass" }).click();
  await ann.page.getByText("one person alone, in an emergency").first().waitFor();
  await ann.page.getByRole("alert").filter({ hasText: "has broken the glass" }).waitFor();
  await accessible(ann.page);
  await picture(ann.page, "proposal-glass");
  await bob.page.goto("/runs");
  await bob.page.getByRole("alert").filter({ hasText: "his key was stolen" }).waitFor();
  await bob.page.goto("/proposals");
  await bob.page.getByRole("link", { name: "Removal of the account of Cy Dale" }).click();
  await bob.page.getByRole("button", { name: "I know of this" }).click();
  await bob.page.getByRole("dialog").getByRole("button", { name: "Yes" }).click();
  await bob.page.getByText("Bob Summer knows of it").waitFor();
  await bob.page.getByRole("alert").filter({ hasText: "his key was stolen" }).waitFor({ state: "detached" });
  await leave(bob);
  await leave(ann);
}, 120_000);
