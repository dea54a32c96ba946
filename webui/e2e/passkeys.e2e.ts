import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, fits, launch, leave, picture, sit } from "./browser.ts";
import { Skerry } from "./skerry.ts";

// Passkeys in a real browser, at a site that has a name and TLS. The device is the
// browser's own virtual one; all else is as people meet it.

const site = "skerry.example.org";

let browser: Browser;
let skerry: Skerry;
let origin: string;
let folder: string;

function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.on("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const at = server.address();
      server.close(() => (at !== null && typeof at === "object" ? done(at.port) : failed(new Error("no port"))));
    });
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "skerry-tls-"));
  const cert = join(folder, "cert.pem");
  const key = join(folder, "key.pem");
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-subj", `/CN=${site}`, "-addext", `subjectAltName=DNS:${site},IP:127.0.0.1`, "-keyout", key, "-out", cert],
    ],
    { stdio: "ignore" },
  );
  const spki = new X509Certificate(readFileSync(cert)).publicKey.export({ type: "spki", format: "der" });
  browser = await launch([
    `--host-resolver-rules=MAP ${site} 127.0.0.1`,
    `--ignore-certificate-errors-spki-list=${createHash("sha256").update(spki).digest("base64")}`,
  ]);
  skerry = new Skerry();
  origin = await skerry.start({
    config: `\nsite: ${site}\ntls: {certificate: ${cert}, key: ${key}}\n`,
    listen: `127.0.0.1:${String(await freePort())}`,
  });
});
afterAll(async () => {
  await browser.close();
  await skerry.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A device of this browser that keeps passkeys. */
async function device(context: BrowserContext, page: Page) {
  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    verify: (isUserVerified: boolean) => cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
    keys: async () => (await cdp.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
    /** Puts the counter of its only key back, as a copy of the device would have it. */
    rewind: async () => {
      const [key] = (await cdp.send("WebAuthn.getCredentials", { authenticatorId })).credentials;
      if (!key) throw new Error("the device has no key");
      await cdp.send("WebAuthn.removeCredential", { authenticatorId, credentialId: key.credentialId });
      await cdp.send("WebAuthn.addCredential", { authenticatorId, credential: { ...key, signCount: 0 } });
    },
  };
}

test("a person signs in with a passkey alone, and looks after their account", async () => {
  expect(origin).toMatch(new RegExp(`^https://${site}:`));
  const admin = await sit(browser, origin);
  await admin.page.goto(skerry.link());
  await admin.page.getByRole("heading", { level: 1 }).filter({ hasText: "Hello" }).waitFor();
  await admin.page.goto("/account");
  await admin.page.getByText("You have no account of your own here").waitFor();
  await accessible(admin.page);
  await admin.page.goto("/people");
  await admin.page.getByRole("button", { name: "Add a person" }).click();
  await admin.page.getByLabel("Name", { exact: true }).fill("Ada Winter");
  await admin.page.getByLabel("Login").fill("ada");
  await admin.page.getByRole("button", { name: "Make the account" }).click();
  const link = await admin.page.getByText("/enrol#token=").innerText();
  await admin.page.getByRole("button", { name: "Done" }).click();

  const ada = await sit(browser, origin, { size: "narrow" });
  const own = await device(ada.context, ada.page);
  await ada.page.goto(link);
  await ada.page.getByText("Welcome, Ada Winter").waitFor();
  await accessible(ada.page);
  await fits(ada.page);
  await picture(ada.page, "enrol-passkey");
  await ada.page.getByRole("button", { name: "Use a passkey instead" }).click();
  await ada.page.getByRole("heading", { name: "Hello, Ada Winter" }).waitFor();
  const [key] = await own.keys();
  expect(key?.rpId, "the key is bound to the site's name").toBe(site);

  const out = async () => {
    await ada.page.getByRole("button", { name: /Ada Winter/ }).click();
    await ada.page.getByRole("menuitem", { name: "Sign out" }).click();
    await ada.page.getByRole("heading", { name: "Sign in to Skerry" }).waitFor();
  };
  const enter = () => ada.page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await out();
  await accessible(ada.page);
  await picture(ada.page, "sign-in-passkey");
  await enter();
  await ada.page.getByRole("heading", { name: "Hello, Ada Winter" }).waitFor();

  // Her account: what she signs in with, and where she is.
  await ada.page.getByRole("button", { name: /Ada Winter/ }).click();
  await ada.page.getByRole("menuitem", { name: "My account" }).click();
  await ada.page.getByText("first passkey").waitFor();
  await ada.page.getByText("You have no password here").waitFor();
  await ada.page.getByText("this one").waitFor();
  await accessible(ada.page);
  await fits(ada.page);
  await picture(ada.page, "account");
  await ada.page.getByRole("button", { name: "Remove first passkey" }).click();
  await ada.page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await ada.page.getByText("This is all that you can sign in with").waitFor();
  await ada.page.getByRole("button", { name: "Cancel" }).click();
  await ada.page.getByRole("button", { name: "Add a passkey" }).click();
  await ada.page.getByLabel("What to call it").fill("the same device");
  await ada.page.getByRole("button", { name: "Add a passkey" }).click();
  await ada.page.getByText("This device has a passkey for you already").waitFor();
  await accessible(ada.page);

  // A device that does not check who she is does not get her in.
  await out();
  await own.verify(false);
  await enter();
  await ada.page.getByText("The device was not asked to the end").waitFor();
  await accessible(ada.page);
  await own.verify(true);
  await enter();
  await ada.page.getByRole("heading", { name: "Hello, Ada Winter" }).waitFor();

  // The administrator signs everybody out.
  await admin.page.getByRole("button", { name: "Sign out everybody" }).click();
  await admin.page.getByRole("dialog").getByRole("button", { name: "Sign out everybody" }).click();
  await admin.page.getByText("1 session ended").waitFor();
  await accessible(admin.page);
  await ada.page.goto("/runs");
  await ada.page.getByRole("heading", { name: "Sign in to Skerry" }).waitFor();

  // A key whose counter went back opens nothing, from then on.
  await own.rewind();
  await enter();
  await ada.page.getByText("This passkey does not sign anybody in here").waitFor();
  await enter();
  await ada.page.getByText("This passkey does not sign anybody in here").waitFor();
  ada.faults.length = 0;
  await leave(ada);

  // At another address of the same host there are no passkeys.
  const port = new URL(origin).port;
  const elsewhere = await sit(browser, `https://127.0.0.1:${port}`);
  await elsewhere.page.goto("/sign-in");
  await elsewhere.page.getByText(`Passkeys work at ${site} only`).waitFor();
  expect(await elsewhere.page.getByRole("button", { name: "Sign in with a passkey" }).count()).toBe(0);
  await leave(elsewhere);
  await leave(admin);
}, 120_000);
