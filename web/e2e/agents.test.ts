import { expect, test } from "vitest";
import { expectAccessible, type Page, shot, useHouse } from "./harness";

const house = useHouse({
  script: [
    { match: "Sum up", chunks: Array.from({ length: 8 }, (_, n) => `piece ${n} `), delay: "2s" },
    { match: "Reply", reply: "Dear customer, **it prints again**." },
    { match: "Wait", reply: "too late", delay: "60s" },
    { reply: "other" },
  ],
});

const definition = (name: string, first: string) => ({
  displayName: name, description: "For tests", model: "demo-model", inputs: [{ name: "ticket", description: "As it came in" }],
  steps: [{ name: "Look", llmStep: { prompt: `${first} {{ticket}}` } }, { name: "Answer", llmStep: { prompt: "Reply to {{steps.1.output}}" } }],
});

/** Imports an agent and stands on its page. */
async function imported(page: Page, name: string, first: string) {
  await page.goto(house().server.url + "/agents");
  await page.getByRole("button", { name: "Import" }).first().click();
  await page.getByLabel("Or its JSON").fill(JSON.stringify(definition(name, first)));
  await page.getByRole("button", { name: "Look at it" }).click();
  await page.getByText("2 steps, 1 input.").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Import" }).click();
  await page.getByRole("heading", { name, level: 1 }).waitFor();
}

/** Runs the agent whose page is there, by keyboard alone. */
async function run(page: Page, ticket: string) {
  await page.getByLabel("ticket").focus();
  await page.keyboard.type(ticket);
  await page.keyboard.press("Control+Enter");
  await page.locator("[data-run-state]").waitFor();
}

const state = (page: Page, name: string) => page.locator(`[data-run-state="${name}"]`).waitFor();

test("an agent is imported, run with its inputs, watched, reloaded in the middle, and seen to end", async () => {
  const page = await house().page();
  await imported(page, "Digest", "Sum up");
  await expectAccessible(page);
  await shot(page, "agent");
  await run(page, "It does not print.");
  await state(page, "in_progress");
  await page.reload();
  await page.locator('[data-step="0"] p').filter({ hasText: "piece 7" }).waitFor();
  await page.getByText("it prints again").waitFor();
  await state(page, "success");
  expect(await page.locator("[data-step]").count()).toBe(2);
  await expectAccessible(page);
  await shot(page, "run");

  await page.goto(house().server.url + "/runs?state=success");
  await page.getByRole("row", { name: /Digest/ }).waitFor();
  await expectAccessible(page);
  await shot(page, "runs");
  await page.goto(house().server.url + "/agents");
  await page.getByRole("row", { name: /Digest/ }).waitFor();
  await expectAccessible(page);
  await shot(page, "agents");
}, 120_000);

test("a run is cancelled at once, and does not go on", async () => {
  const page = await house().page();
  await imported(page, "Slow", "Wait");
  await run(page, "x");
  await state(page, "in_progress");
  await page.getByRole("button", { name: "Cancel run" }).press("Enter");
  await page.getByRole("dialog").getByRole("button", { name: "Cancel run" }).press("Enter");
  await state(page, "cancelled");
  await page.getByText("Skipped").waitFor();
}, 120_000);

test("after kill -9 in the middle of a run the page shows it going on", async () => {
  const page = await house().page();
  await imported(page, "Survivor", "Sum up");
  await run(page, "x");
  await state(page, "in_progress");
  await house().server.restart();
  await page.getByText("it prints again").waitFor({ timeout: 60_000 });
  await state(page, "success");
}, 180_000);
