import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { expectAccessible, type Page, shot, useHouse } from "./harness";

const house = useHouse();

/** Lets the page write to the clipboard, and returns what is in it. */
async function clipboard(page: Page): Promise<() => Promise<string>> {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  return () => page.evaluate(() => navigator.clipboard.readText());
}

test("sign in, gear, API, create and copy a key: with it the quickstart's call is answered", async () => {
  const page = await house().page();
  const copied = await clipboard(page);
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("link", { name: "API" }).click();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Create key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("quickstart");
  await expectAccessible(page);
  await shot(page, "settings-api-new-key");
  await dialog.getByRole("button", { name: "Create key" }).click();
  await page.getByText("Your new key").waitFor();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Copy API key" }).click();
  const key = await copied();
  expect(key).toBe(await dialog.getByLabel("API key", { exact: true }).textContent());

  await dialog.getByRole("button", { name: "Copy curl" }).click();
  const command = await copied();
  expect(command).toContain(key);
  const { stdout } = await promisify(execFile)("sh", ["-c", `${command} -sS`]);
  const answer = JSON.parse(stdout) as { choices: { message: { content: string } }[] };
  expect(answer.choices[0]?.message.content).toContain("Hello!");

  await dialog.getByRole("button", { name: "Done" }).click();
  const row = page.getByRole("row", { name: /quickstart/ });
  await row.getByText("Active").waitFor();
  await shot(page, "settings-api");
  expect(await page.content()).not.toContain(key);

  await row.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog", { name: "Revoke the key “quickstart”?" }).getByRole("button", { name: "Revoke" }).click();
  await row.getByText("Revoked").waitFor();
  const refused = await promisify(execFile)("sh", ["-c", `${command} -sS -o /dev/null -w '%{http_code}'`]);
  expect(refused.stdout).toBe("401");
});

test("the same by keyboard alone", async () => {
  const page = await house().page({ signedIn: false });
  await page.getByLabel("E-mail").waitFor();
  await page.keyboard.type(house().server.email); // the field has the focus
  await page.keyboard.press("Tab");
  await page.keyboard.type(house().server.password);
  await page.keyboard.press("Enter");
  await page.getByRole("navigation", { name: "Pages" }).waitFor();
  await page.keyboard.press("Control+k");
  await page.getByPlaceholder("Pages, agents, chats, actions").waitFor();
  await page.keyboard.type("Create an API key");
  await page.getByRole("option", { name: "Create an API key", selected: true }).waitFor();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Create an API key" });
  await dialog.waitFor();
  expect(await dialog.getByLabel("Name").evaluate((field) => field === document.activeElement)).toBe(true);
  await page.keyboard.type("by keyboard");
  await page.keyboard.press("Control+Enter");
  await page.getByRole("dialog", { name: "Your new key" }).waitFor();
  for (let i = 0; i < 10 && !(await page.getByRole("button", { name: "Done" }).evaluate((b) => b === document.activeElement)); i++) {
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await page.getByRole("row", { name: /by keyboard/ }).waitFor();
});
