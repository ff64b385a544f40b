import { expect, test } from "vitest";
import { expectAccessible, type House, type Page, shot, useHouse } from "./harness";

const house = useHouse();

async function call(h: House, body: object): Promise<Response> {
  return fetch(`${h.server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { Authorization: `Bearer ${h.server.apiKey}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

const chat = (content: string, model = "claude-sonnet-4-5-20250929") => ({ model, messages: [{ role: "user", content }] });

async function audit(at = "/admin/audit"): Promise<Page> {
  const page = await house().page({ at });
  await page.getByRole("heading", { name: "Audit trail", level: 1 }).waitFor();
  return page;
}

const rows = (page: Page) => page.getByRole("grid", { name: "Audit trail" }).locator("[data-index]");

test("calls are found by a filter, opened, proved and left with Back", async () => {
  await call(house(), chat("write to ann@example.com"));
  await call(house(), chat("hello", "nothing"));
  const page = await audit("/admin/audit?phase=refusal");
  await page.getByRole("button", { name: "Remove the filter Phase: refusal" }).waitFor();
  await rows(page).first().waitFor();
  expect(await page.getByText("model_not_found").count()).toBeGreaterThan(0);
  await expectAccessible(page);

  await page.getByRole("button", { name: "Remove the filter Phase: refusal" }).click();
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await page.getByLabel("Found by DLP").fill("EMAIL_ADDRESS");
  await page.keyboard.press("Enter");
  await page.waitForURL(/finding=EMAIL_ADDRESS/);
  await rows(page).first().waitFor();
  await rows(page).first().focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(/record=\d+/);
  const drawer = page.getByRole("dialog");
  await drawer.getByRole("button", { name: "Prove this record" }).click();
  await drawer.getByText(/Proved in this browser/).waitFor();
  await expectAccessible(page);
  await shot(page, "audit-record");
  const deep = page.url();
  await page.goBack();
  await drawer.waitFor({ state: "detached" });
  await page.goto(deep);
  await drawer.getByRole("button", { name: "Prove this record" }).waitFor();
});

test("the trail is verified, and what is new is told", async () => {
  const page = await audit();
  await rows(page).first().waitFor();
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await page.getByText(/Verified up to record/).waitFor();
  await call(house(), chat("more"));
  await page.getByRole("button", { name: /new$/ }).click();
  await shot(page, "audit");
});

test("sinks and system have their pages", async () => {
  const page = await house().page({ at: "/admin/system" });
  await page.getByText("can be written").waitFor();
  await expectAccessible(page);
  await shot(page, "system");
  await page.goto(`${house().server.url}/admin/sinks`);
  await page.getByRole("heading", { name: "The trail goes to no sink" }).waitFor();
  await expectAccessible(page);
  await shot(page, "sinks");
});
