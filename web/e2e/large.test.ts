import { afterAll, expect, test } from "vitest";
import { type Page, useHouse } from "./harness";
import { startModel } from "./model";
import { during, installProbe, typeSteadily } from "./probe";
import { converse, fillTrail, plentiful } from "./seed";

const turns = 100;
const calls = 1500;
const rowsMax = 60;

/** How long something that must come true may take on a busy machine. */
const patience = { timeout: 60_000 };

const model = await startModel();
afterAll(() => model.stop());
const house = useHouse(plentiful(model, "slow"));

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
  await fillTrail(house().server, calls, 0);
  const page = await house().page();
  await installProbe(page);
  await page.goto(`${house().server.url}/admin/audit`);
  const table = page.getByRole("grid", { name: "Audit trail" });
  const rows = table.locator("[data-index]");
  const records = 2 * calls;
  /** The number of the record in a place; NaN while it is being fetched. */
  const numberAt = async (place: number) => Number(await table.locator(`[data-index="${place}"] [role=gridcell]`).first().innerText());
  await expect.poll(() => numberAt(0), patience).toBeGreaterThan(records);
  const seen = await during(page, async () => {
    await rows.first().focus();
    for (let n = 0; n < 5; n++) await page.keyboard.press("PageDown");
    await drag(page, 20);
    await rows.first().focus();
    await page.keyboard.press("End");
    await rows.last().getByText("organisations.create").waitFor();
    expect(await rows.last().getByRole("gridcell").first().innerText()).toBe("1");
    await page.keyboard.press("Home");
    await expect.poll(() => numberAt(0), patience).toBeGreaterThan(records);
  });
  expect(seen.rows).toBeGreaterThan(10);
  expect(seen.rows).toBeLessThan(rowsMax);
});

/** Pulls the bar of the table from its beginning to its end. */
async function drag(page: Page, steps: number): Promise<void> {
  await page.getByRole("grid", { name: "Audit trail" }).evaluate(async (grid, steps) => {
    const scroller = grid.parentElement!;
    for (let n = 0; n <= steps; n++) {
      scroller.scrollTop = ((scroller.scrollHeight - scroller.clientHeight) * n) / steps;
      await new Promise((drawn) => requestAnimationFrame(drawn));
    }
  }, steps);
}
