import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import AxeBuilder from "@axe-core/playwright";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { type Server, startServer } from "./server";

export type { Page } from "playwright-core";

const chromiumPath = process.env.SALLYPORT_CHROMIUM ?? "/usr/bin/chromium-headless-shell";

/** How long something that must appear may take on a busy machine. */
const patience = 60_000;

export interface House {
  server: Server;
  browser: Browser;
  /** A page of a browser that has kept nothing, signed in unless told otherwise. */
  page: (options?: { signedIn?: boolean; as?: { email: string; password: string }; at?: string; width?: number; height?: number }) => Promise<Page>;
}

/**
 * One server and one browser for the tests of a file; what they need of either
 * they ask of house(). Every page fails its test when it throws, or asks
 * anything of another host.
 */
export function useHouse(options: Parameters<typeof startServer>[0] = {}): () => House {
  let house: House | undefined;
  const strayed: string[] = [];
  beforeAll(async () => {
    const server = await startServer(options);
    const browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
    house = {
      server,
      browser,
      async page({ signedIn = true, as, at = "/", width = 1280, height = 800 } = {}) {
        const context = await browser.newContext({ viewport: { width, height }, reducedMotion: "reduce", locale: "en-GB", timezoneId: "UTC" });
        watch(context, server.url, strayed);
        const page = await context.newPage();
        page.setDefaultTimeout(patience);
        await page.goto(server.url + at);
        if (signedIn || as) await signIn(page, as ?? server);
        return page;
      },
    };
  }, 120_000);
  afterAll(async () => {
    await house?.browser.close();
    await house?.server.stop();
    expect(strayed, "what pages threw, and requests that left the server").toEqual([]);
  }, 60_000);
  return () => {
    if (!house) throw new Error("house() is for tests and hooks");
    return house;
  };
}

function watch(context: BrowserContext, url: string, strayed: string[]): void {
  context.on("request", (request) => {
    if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) strayed.push(request.url());
  });
  context.on("weberror", (error) => strayed.push(String(error.error())));
}

/** Fills the sign-in form that is on the page. */
export async function signIn(page: Page, who: { email: string; password: string }): Promise<void> {
  await page.getByLabel("E-mail").fill(who.email);
  await page.getByLabel("Password").fill(who.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("header a[href$='/settings/profile']").waitFor(); // the gear, on every width and under every layer
}

/** Opens an address and waits for its heading and its data. */
export async function visit(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await expect.poll(() => page.locator("main").getByRole("heading").count(), { message: url, timeout: patience }).toBeGreaterThan(0);
  await page.waitForFunction(() => !document.querySelector("main [role=status][aria-label='Loading'], main .animate-pulse"));
}

export async function setTheme(page: Page, theme: "light" | "dark"): Promise<void> {
  await page.evaluate((dark) => document.documentElement.classList.toggle("dark", dark), theme === "dark");
}

/** No violation of WCAG 2.2 AA in either theme. A theme changes colours alone: in the second only they are judged. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const theme of ["light", "dark"] as const) {
    await setTheme(page, theme);
    const axe = new AxeBuilder({ page });
    const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const found = await (theme === "light" ? axe.withTags(rules) : axe.withRules(["color-contrast", "link-in-text-block"])).analyze();
    const violations = found.violations.map((v) => `${theme}: ${v.id}: ${v.nodes.map((n) => `${n.target.join(" ")} ${n.any[0]?.message ?? ""}`).join("; ")}`);
    expect(violations).toEqual([]);
  }
  await setTheme(page, "light");
}

/** Writes docs/screenshots/<name>.png and <name>-dark.png when SHOTS=1. */
export async function shot(page: Page, name: string): Promise<void> {
  if (process.env.SHOTS !== "1") return;
  const folder = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  for (const theme of ["light", "dark"] as const) {
    await setTheme(page, theme);
    await page.screenshot({ path: `${folder}${name}${theme === "dark" ? "-dark" : ""}.png` });
  }
  await setTheme(page, "light");
}
