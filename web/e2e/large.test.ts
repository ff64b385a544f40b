import { afterAll, expect, test } from "vitest";
import { type Page, useHouse } from "./harness";
import { startModel } from "./model";
import { drag, during, installProbe, typeSteadily } from "./probe";
import { converse, fillTrail, plentiful } from "./seed";

const turns = 100;
const calls = 1500;
const refusals = 150;
const rowsMax = 60;
/** Messages that are drawn in one task, at most. */
const drawnMax = 10;

/** How long something that must come true may take on a busy machine. */
const patience = { timeout: 60_000 };

const model = await startModel();
afterAll(() => model.stop());
const house = useHouse(plentiful(model, "slow"));

test("older messages are drawn a few at a time, and leave the reader where they were", async () => {
  const id = await converse(house().server, turns, "slow");
  const page = await house().page({ at: `/chat/${id}` });
  await page.getByRole("log").locator("article").getByText(`Question ${turns} of ${turns}`).waitFor();
  await expect.poll(() => page.getByRole("log").locator("article").count(), patience).toBeGreaterThanOrEqual(50);
  for (const top of [300, 0]) {
    const { moved, atOnce, drawn } = await readOn(page, top);
    expect(moved, `pixels by which the reader at ${top} was moved`).toBeLessThanOrEqual(2);
    expect(atOnce).toBeLessThanOrEqual(drawnMax);
    expect(drawn).toBeGreaterThanOrEqual(50);
  }
});

/** Goes to a place near the top, and reads there while a page of older messages is drawn. */
function readOn(page: Page, top: number): Promise<{ moved: number; atOnce: number; drawn: number }> {
  return page.getByRole("log").evaluate(async (log, top) => {
    const count = () => log.querySelectorAll("article").length;
    /** When a frame has been shown. */
    const shown = () => new Promise<void>((over) => requestAnimationFrame(() => setTimeout(over)));
    const had = count();
    const seen = { moved: 0, atOnce: 0, drawn: 0 };
    const changes = new MutationObserver((records) => {
      seen.atOnce = Math.max(seen.atOnce, records.flatMap((r) => [...r.addedNodes]).filter((n) => n.nodeName === "ARTICLE").length);
    });
    changes.observe(log, { subtree: true, childList: true });
    log.scrollTop = top;
    await shown();
    const view = log.getBoundingClientRect().top;
    const read = [...log.querySelectorAll("article")].find((m) => m.getBoundingClientRect().bottom > view)!;
    const place = () => read.getBoundingClientRect().top;
    let before: number;
    do {
      before = place(); // messages get their real sizes when they come into view
      await shown();
    } while (place() !== before);
    while (count() < had + 50) {
      await shown();
      seen.moved = Math.max(seen.moved, Math.abs(place() - before));
    }
    changes.disconnect();
    return { ...seen, drawn: count() - had };
  }, top);
}

test("a conversation of two hundred messages comes in pages, and typing keeps every letter while an answer streams", async () => {
  const id = await converse(house().server, turns, "slow");
  const page = await house().page({ at: `/chat/${id}` });
  const articles = page.getByRole("log").locator("article");
  await articles.getByText(`Question ${turns} of ${turns}`).waitFor();
  expect(await articles.count()).toBeLessThan(2 * turns);
  await readUpwards(page);
  const questions = page.getByRole("log").locator("article[data-role=user] p");
  await questions.getByText(`Question 1 of ${turns}`, { exact: true }).waitFor();
  expect(await articles.count()).toBe(2 * turns);
  expect(await questions.allTextContents()).toEqual(Array.from({ length: turns }, (_, i) => `Question ${i + 1} of ${turns}`));

  const composer = page.getByRole("textbox", { name: "Message", exact: true });
  await composer.fill("One more");
  const [talk] = await Promise.all([model.next(), composer.press("Enter")]);
  await expect.poll(() => composer.inputValue()).toBe("");
  const typed = "the quick brown fox jumps over the lazy dog";
  let writing = true;
  const write = async () => {
    for (let n = 0; writing; n++) {
      talk.say(`Line **${n}** of it.\n\n`);
      await new Promise((over) => setTimeout(over, 10));
    }
  };
  await Promise.all([write(), typeSteadily(page, typed, 10).finally(() => (writing = false))]);
  talk.answer("The end.");
  expect(await composer.inputValue()).toBe(typed);
  await articles.last().getByText("The end.").waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Send" }).waitFor();
});

/** Scrolls up until there is nothing older. */
async function readUpwards(page: Page): Promise<void> {
  const log = page.getByRole("log");
  const older = page.getByRole("button", { name: "Older messages" });
  await log.focus();
  await expect.poll(async () => {
    await page.keyboard.press("Home");
    return older.count();
  }, patience).toBe(0);
}

test("a trail of thousands of records has few rows in the page, and its end is reached", async () => {
  await fillTrail(house().server, refusals, calls);
  const page = await house().page();
  await installProbe(page);
  await page.goto(`${house().server.url}/admin/audit`);
  const table = page.getByRole("grid", { name: "Audit trail" });
  const rows = table.locator("[data-index]");
  const records = 2 * calls + refusals;
  /** The number of the record in a place; NaN while it is being fetched, or is not in view. */
  const numberAt = async (place: number) => Number((await table.locator(`[data-index="${place}"] [role=gridcell]`).allInnerTexts())[0]);
  await expect.poll(() => numberAt(0), patience).toBeGreaterThan(records);
  const seen = await during(page, async () => {
    await rows.first().focus();
    for (let n = 0; n < 5; n++) await page.keyboard.press("PageDown");
    await drag(table, 20);
    await rows.first().focus();
    await page.keyboard.press("End");
    await rows.last().getByText("organisations.create").waitFor();
    expect(await rows.last().getByRole("gridcell").first().innerText()).toBe("1");
    await page.keyboard.press("Home");
    await expect.poll(() => numberAt(0), patience).toBeGreaterThan(records);
  });
  expect(seen.rows).toBeGreaterThan(10);
  expect(seen.rows).toBeLessThan(rowsMax);

  // Another list is seen from its top, wherever the reader was in the last one.
  await drag(table, 1);
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await page.getByLabel("Error code").fill("model_not_found");
  await page.keyboard.press("Enter");
  await table.locator("[data-index='0']").getByText("model_not_found").waitFor();
  await drag(table, 1);
  await page.getByRole("button", { name: "Remove the filter Error code: model_not_found" }).click();
  await expect.poll(() => numberAt(0), patience).toBeGreaterThan(records);
});
