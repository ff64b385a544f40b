import { expect, test } from "vitest";
import { expectAccessible, type Page, shot, useHouse, visit } from "./harness";

// Two offline models; what an administrator decides of them in the browser binds a
// member in the chat and in programs.

const house = useHouse({
  config: { models: ["open-model", "closed-model"].map((id) => ({ id, provider: "demo", target: "demo", price: { input: 1, output: 2 } })) },
  script: [{ reply: "An answer." }],
});
const email = "bob@acme.test";

/** A member with a key, and the administrator's page. */
async function member(): Promise<{ password: string; key: string }> {
  const json = async (...args: string[]) => JSON.parse(await house().server.command(...args, "--json")) as Record<string, string>;
  const { password } = await json("user", "create", email);
  const { api_key: key } = await json("key", "create", "--user", email);
  if (!password || !key) throw new Error("the member has no password or key");
  return { password, key };
}

async function call(key: string, model: string): Promise<{ status: number; body: string }> {
  const answer = await fetch(`${house().server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] }),
  });
  return { status: answer.status, body: await answer.text() };
}

/** Asks in a new chat, and waits for what is answered in its place. */
async function ask(page: Page, expected: string): Promise<void> {
  await page.goto(`${house().server.url}/chat`);
  await page.getByRole("textbox", { name: "Message", exact: true }).fill("Hello");
  await page.keyboard.press("Enter");
  await page.getByRole("log").getByText(expected).first().waitFor();
}

test("a group takes a model from its member; a budget and a limit refuse with their reason; the trail shows all of it", async () => {
  const { password, key } = await member();
  const bob = await house().page({ as: { email, password } });
  const admin = await house().page({ at: "/admin/groups" });
  await ask(bob, "An answer.");
  expect((await call(key, "closed-model")).status).toBe(200);

  await admin.getByRole("button", { name: "New group" }).click();
  await admin.getByRole("dialog", { name: "New group" }).getByLabel("Name").fill("Testers");
  await admin.getByRole("button", { name: "Create" }).click();
  const group = admin.getByRole("dialog", { name: "Testers" });
  await group.getByLabel("Add members by e-mail address").fill(`${email}, nobody@acme.test`);
  await group.getByRole("button", { name: "Check" }).click();
  await group.getByText("nobody@acme.test").last().waitFor();
  await group.getByRole("button", { name: "Add 1 member" }).click();
  await group.getByRole("list", { name: "Members" }).getByText(email).waitFor();
  await expectAccessible(admin);
  await group.getByRole("tab", { name: "Models and DLP" }).click();
  await group.getByLabel("Models: closed-model").selectOption("Off");
  await group.getByRole("row", { name: /closed-model/ }).getByText("off: group").waitFor();
  await expectAccessible(admin);
  await shot(admin, "group");

  await expect.poll(() => call(key, "closed-model")).toMatchObject({ status: 403, body: expect.stringContaining("model_access_denied") });
  await bob.goto(`${house().server.url}/chat`);
  await bob.getByRole("button", { name: /^Model/ }).click();
  const picker = bob.getByRole("dialog", { name: "Choose a model" });
  await picker.getByText("open-model").first().waitFor();
  expect(await picker.getByText("closed-model").count()).toBe(0);
  await bob.keyboard.press("Escape");

  await admin.goto(`${house().server.url}/admin/limits?tab=budgets&add=1`);
  await setFor(admin, "User", email);
  await admin.getByLabel("Limit in credits").fill("0");
  await admin.getByRole("button", { name: "Save" }).click();
  await admin.getByRole("row", { name: new RegExp(email) }).waitFor();
  await expectAccessible(admin);
  await shot(admin, "budgets");
  await expect.poll(() => call(key, "open-model")).toMatchObject({ status: 402, body: expect.stringContaining("budget") });
  await ask(bob, "budget");
  await expectAccessible(bob);
  await shot(bob, "chat-over-budget");

  await admin.getByRole("row", { name: new RegExp(email) }).getByRole("button").last().click();
  await admin.getByRole("menuitem", { name: "Remove" }).click();
  await admin.getByRole("button", { name: "Remove", exact: true }).click();
  await admin.getByText("No budget yet").waitFor();
  await admin.goto(`${house().server.url}/admin/limits?add=1`);
  await setFor(admin, "User", email);
  await admin.getByRole("spinbutton", { name: "Requests a minute" }).fill("1");
  await admin.getByRole("button", { name: "Save" }).click();
  await admin.getByRole("row", { name: new RegExp(email) }).waitFor();
  await shot(admin, "limits");
  await expect.poll(() => call(key, "open-model")).toMatchObject({ status: 429, body: expect.stringContaining("rate") });

  for (const [name, address] of [["groups", "groups"], ["models", "models"], ["providers", "models?tab=providers"], ["dlp", "dlp"], ["usage", "usage"]] as const) {
    await visit(admin, `${house().server.url}/admin/${address}`);
    await shot(admin, name);
  }

  for (const action of ["groups.create", "groups.add", "groups.set_policies", "budgets.set", "budgets.remove", "policies.set"]) {
    await admin.goto(`${house().server.url}/admin/audit?action=${action}`);
    await admin.getByRole("grid", { name: "Audit trail" }).locator("[data-index]").first().waitFor();
  }
  await bob.goto(`${house().server.url}/settings/usage`);
  await bob.getByRole("table", { name: "The numbers of the chart" }).getByRole("columnheader", { name: "open-model" }).waitFor();
  await bob.getByRole("listitem").filter({ hasText: "closed-model" }).filter({ hasText: "credits" }).waitFor();
  await expectAccessible(bob);
  await shot(bob, "settings-usage");
  expect(await house().server.command("audit", "verify")).toContain("ok");
});

test("what the organisation switches off is off for its administrator too, until it is on again", async () => {
  const admin = await house().page({ at: "/admin/groups" });
  await admin.getByRole("button", { name: "Organisation" }).click();
  const row = admin.getByRole("row", { name: /^open-model/ });
  await row.getByText("Everybody, unless a group refuses").waitFor();
  await row.getByRole("combobox").selectOption("Off");
  await row.getByText("Nobody, administrators included").waitFor();
  await admin.getByLabel("Providers of models: demo").selectOption("By group");
  await admin.getByRole("row", { name: /^closed-model/ }).getByText("Members of a group that grants it, and administrators").waitFor();
  await expectAccessible(admin);
  await shot(admin, "organisation");
  await admin.goto(`${house().server.url}/chat`);
  await admin.getByRole("button", { name: /^Model/ }).click();
  const picker = admin.getByRole("dialog", { name: "Choose a model" });
  await picker.getByText("closed-model").first().waitFor();
  expect(await picker.getByText("open-model").count()).toBe(0);
  await admin.goto(`${house().server.url}/admin/groups?view=organisation`);
  await row.getByRole("combobox").selectOption("Not set");
  await admin.getByLabel("Providers of models: demo").selectOption("Not set");
  await row.getByText("Everybody, unless a group refuses").waitFor();
});

/** Fills in for whom it is. */
async function setFor(page: Page, scope: string, whose: string): Promise<void> {
  const drawer = page.getByRole("dialog");
  await drawer.getByLabel("Scope").selectOption(scope);
  const subject = drawer.getByLabel("Whose");
  await subject.locator("option", { hasText: whose }).waitFor({ state: "attached" });
  const option = await subject.locator("option", { hasText: whose }).getAttribute("value");
  await subject.selectOption(option);
}
