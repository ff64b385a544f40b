import { expect, test } from "vitest";
import { expectAccessible, shot, useHouse, visit } from "./harness";

const house = useHouse();

const addresses = [
  "/chat", "/agents", "/runs",
  "/settings/profile", "/settings/api", "/settings/security", "/settings/shares", "/settings/usage",
  "/admin/users", "/admin/groups", "/admin/groups?view=organisation", "/admin/models", "/admin/models?tab=providers", "/admin/dlp", "/admin/limits", "/admin/usage", "/admin/audit", "/admin/sinks", "/admin/system",
  "/no/such/page",
];

test("every page is accessible in both themes and fits a phone", async () => {
  const page = await house().page();
  const wide: string[] = [];
  for (const address of addresses) {
    await page.setViewportSize({ width: 1280, height: 800 });
    await visit(page, house().server.url + address);
    expect(await page.title(), address).toContain("Sallyport");
    await expectAccessible(page);
    await page.setViewportSize({ width: 320, height: 640 });
    if (await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth)) wide.push(address);
    if (address === "/no/such/page") await page.setViewportSize({ width: 1280, height: 800 }).then(() => shot(page, "not-found"));
  }
  expect(wide, "pages that scroll sideways at 320 px").toEqual([]);
}, 300_000);

test("a phone has the pages in a drawer, which gives the focus back", async () => {
  const page = await house().page({ width: 390, height: 844 });
  const menu = page.getByRole("button", { name: "Open the menu" });
  await menu.click();
  const drawer = page.getByRole("dialog", { name: "Sallyport" });
  await drawer.getByRole("link", { name: "Runs" }).waitFor();
  await expectAccessible(page);
  await shot(page, "phone-menu");
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "detached" });
  await page.waitForFunction((button) => button === document.activeElement, await menu.elementHandle());
  await menu.click();
  await drawer.getByRole("link", { name: "Runs" }).click();
  await page.getByRole("heading", { name: "Runs", level: 1 }).waitFor();
  await drawer.waitFor({ state: "detached" });
});

test("shortcuts go to pages, list themselves, and can be switched off", async () => {
  const page = await house().page({ at: "/settings/profile" });
  await page.getByRole("heading", { name: "Keyboard", exact: true }).waitFor();
  await page.keyboard.press("?");
  const list = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await list.waitFor();
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await list.waitFor({ state: "detached" });
  await page.keyboard.press("g");
  await page.keyboard.press("r");
  await page.getByRole("heading", { name: "Runs", level: 1 }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await page.getByLabel("Single letters are shortcuts").uncheck();
  await page.getByRole("heading", { name: "Settings", level: 1 }).click();
  await page.keyboard.press("?");
  await page.keyboard.press("Control+k"); // this one stays
  await page.getByPlaceholder("Pages, agents, chats, actions").waitFor();
  await expectAccessible(page);
  await shot(page, "palette");
  expect(await list.count()).toBe(0);
});

test("a form with unsaved changes asks before Back or the tab takes it away", async () => {
  const page = await house().page({ at: "/admin/limits" });
  const drawer = page.getByRole("dialog", { name: "Set limits" });
  const question = page.getByRole("dialog", { name: "Leave without saving?" });
  await page.getByRole("button", { name: "Set limits" }).click();
  await drawer.getByLabel("Requests a minute").fill("12");
  await page.goBack();
  await question.waitFor();
  await expectAccessible(page);
  await shot(page, "leave-unsaved");
  await page.keyboard.press("Enter"); // stays: that has the focus
  await question.waitFor({ state: "detached" });
  expect(await drawer.getByLabel("Requests a minute").inputValue()).toBe("12");
  await expect.poll(() => page.url()).toContain("add=1");

  const asked: string[] = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.type());
    void dialog.dismiss();
  });
  await page.close({ runBeforeUnload: true });
  await expect.poll(() => asked).toEqual(["beforeunload"]);

  await page.goBack();
  await question.getByRole("button", { name: "Leave without saving" }).click();
  await drawer.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Set limits" }).click();
  await drawer.getByLabel("Requests a minute").waitFor();
  await page.goBack(); // nothing was changed
  await drawer.waitFor({ state: "detached" });
});

test("the theme is remembered and set before the first paint", async () => {
  const page = await house().page({ at: "/settings/profile" });
  await page.getByLabel("Theme").selectOption("dark");
  await shot(page, "settings-profile");
  await page.addInitScript(() => {
    document.addEventListener("DOMContentLoaded", () => ((window as { themed?: boolean }).themed = document.documentElement.classList.contains("dark")));
  });
  await page.reload();
  expect(await page.evaluate(() => (window as { themed?: boolean }).themed)).toBe(true);
});

test("a server that is gone is said so, and what is typed stays; when it is back all goes on", async () => {
  const page = await house().page({ at: "/settings/api?new=key" });
  await page.getByLabel("Name").fill("typed before");
  await page.context().setOffline(true);
  await page.getByRole("button", { name: "Create key" }).last().click();
  await page.getByText("Nothing can be saved until it is back").waitFor();
  expect(await page.getByRole("button", { name: "Create key" }).last().isDisabled()).toBe(true);
  await page.context().setOffline(false);
  await page.getByText("Nothing can be saved until it is back").waitFor({ state: "detached" });
  expect(await page.getByLabel("Name").inputValue()).toBe("typed before");
  await page.getByRole("button", { name: "Create key" }).last().click();
  await page.getByText("Your new key").waitFor();
});

test("a chunk that is gone after an update loads the page anew, once", async () => {
  const page = await house().page();
  await page.getByRole("heading").first().waitFor();
  let refused = 0;
  await page.route(/assets\/runs-/, (route) => (refused++ === 0 ? route.fulfill({ status: 404, body: "gone" }) : route.continue()));
  await page.getByRole("link", { name: "Runs" }).click();
  await page.getByRole("heading", { name: "Runs", level: 1 }).waitFor();
  expect(refused).toBeGreaterThanOrEqual(2);
});
