import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { expect } from "vitest";

export const sizes = { wide: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } } as const;
export type Size = keyof typeof sizes;
export type Scheme = "light" | "dark";

const results = new URL("../test-results/", import.meta.url).pathname;
mkdirSync(results, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export function launch(more: string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...more,
    ],
  });
}

export interface Seat {
  context: BrowserContext;
  page: Page;
  /** Faults that happened so far: what the console, the CSP and the network complained about. */
  faults: string[];
}

export interface SeatOptions {
  size?: Size;
  scheme?: Scheme;
  locale?: string;
  /** Cookies of an earlier visit. */
  state?: Awaited<ReturnType<BrowserContext["storageState"]>> | undefined;
}

/** A person at a browser. Every fault that the person would not see is kept and must be none at the end. */
export async function sit(
  browser: Browser,
  origin: string,
  { size = "wide", scheme = "light", locale = "en-GB", state }: SeatOptions = {},
): Promise<Seat> {
  const context = await browser.newContext({
    viewport: sizes[size],
    colorScheme: scheme,
    locale,
    timezoneId: "Europe/Berlin",
    reducedMotion: "reduce",
    baseURL: origin,
    ...(state && { storageState: state }),
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const faults: string[] = [];
  page.on("console", (m) => {
    // A refused request is the subject of some tests; the page says it in words.
    if (m.type() === "error" && !m.text().startsWith("Failed to load resource")) faults.push(`console: ${m.text()}`);
  });
  page.on("pageerror", (e) => faults.push(`error: ${e.message}`));
  page.on("request", (r) => {
    const url = new URL(r.url());
    if (url.protocol !== "data:" && url.origin !== origin) faults.push(`request to another host: ${r.url()}`);
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (e) =>
      console.error(`CSP: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}`),
    );
  });
  return { context, page, faults };
}

/** Ends a visit: there must have been no fault. */
export async function leave({ context, faults }: Seat) {
  await context.close();
  expect(faults).toEqual([]);
}

/** Fails on anything that axe finds, on any level of WCAG 2.2 and of best practice. */
export async function accessible(page: Page) {
  const found = await page.evaluate(async (source) => {
    if (!("axe" in window)) {
      // eval is what the CSP forbids to pages; the debugger may.
      (0, eval)(source);
    }
    const { axe } = window as unknown as {
      axe: {
        run: () => Promise<{
          violations: { id: string; help: string; nodes: { html: string; failureSummary: string }[] }[];
        }>;
      };
    };
    const { violations } = await axe.run();
    return violations.map(
      (v) => `${v.id}: ${v.help}\n${v.nodes.map((n) => `  ${n.html.slice(0, 200)}\n  ${n.failureSummary}`).join("\n")}`,
    );
  }, axe);
  expect(found).toEqual([]);
}

/** Nothing may be cut off or make the page scroll sideways. */
export async function fits(page: Page) {
  const overflow = await page.evaluate(() => {
    const wide = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= wide) return [];
    return [...document.querySelectorAll("main *")]
      .filter((e) => e.getBoundingClientRect().right > wide + 1)
      .slice(0, 5)
      .map((e) => `${e.tagName} ${e.className} ${String(Math.round(e.getBoundingClientRect().right))}`);
  });
  expect(overflow).toEqual([]);
}

export async function picture(page: Page, name: string) {
  await page.screenshot({ path: join(results, `${name}.png`), fullPage: true });
}
