// Measures how fast the Terminal is and writes docs/terminal-speed.md: make ui-bench.
// Times are goals and machines differ, so none is asserted. What must hold on any
// machine is in the tests; for much at once that is large.test.ts.

import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { afterAll, test } from "vitest";
import { type Page, useHouse } from "./harness";
import { startModel, type Talk } from "./model";
import { drag, during, installProbe, type Seen, typeSteadily } from "./probe";
import { converse, fillTrail, plentiful } from "./seed";

const rounds = 5;
const turns = 500;
const refusals = 1_000;
const calls = 49_500;

/** An answer: so many pieces of so many bytes, so many milliseconds apart. */
const stream = { pieces: 200, bytes: 80, apart: 10 };

/** A slow line, in bytes a second and milliseconds, and a slow machine. */
const slow = { rate: 1_600_000 / 8, delay: 150, cpu: 4 };

const taskGoal = "200 ms";

const model = await startModel();
afterAll(() => model.stop());
const house = useHouse(plentiful(model, "slow"));

/** The tables of the report, in the order in which they were measured. */
const tables: string[] = [];

test("first load", async () => {
  const local = await repeat(rounds, () => firstLoad(false));
  const far = await repeat(rounds, () => firstLoad(true));
  table("First load of chat", "By people who are signed in, each time in a browser that has kept nothing. Ready is when the composer is there to type into.", [
    ["first paint, local", "700 ms", ...times(local.map((l) => l.painted))],
    ["ready, local", "", ...times(local.map((l) => l.ready))],
    ["first paint at 1.6 Mbit/s, 150 ms delay, CPU ÷4", "3.5 s", ...times(far.map((l) => l.painted))],
    ["ready, the same", "", ...times(far.map((l) => l.ready))],
  ]);
});

async function firstLoad(far: boolean): Promise<{ painted: number; ready: number }> {
  const known = await house().page();
  const context = await house().browser.newContext({ storageState: await known.context().storageState(), viewport: known.viewportSize() });
  await known.context().close();
  const page = await context.newPage();
  if (far) {
    const tools = await context.newCDPSession(page);
    await tools.send("Network.enable");
    await tools.send("Network.emulateNetworkConditions", { offline: false, latency: slow.delay, downloadThroughput: slow.rate, uploadThroughput: slow.rate });
    await tools.send("Emulation.setCPUThrottlingRate", { rate: slow.cpu });
  }
  await page.goto(`${house().server.url}/chat`, { waitUntil: "commit", timeout: 60_000 });
  const ready = await moment(page, () => document.querySelector("textarea") !== null);
  const painted = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]!.startTime);
  await context.close();
  return { painted, ready };
}

test("a stream", async () => {
  const page = await house().page();
  await installProbe(page);
  const seen = await repeat(rounds, async () => {
    await page.goto(`${house().server.url}/chat`);
    return streamed(page);
  });
  table(
    "An answer streams in, and somebody types",
    `${stream.pieces} pieces, ${(stream.pieces * stream.bytes) / 1000} kB of Markdown, ${stream.apart} ms apart, into a new chat; a key every 50 ms meanwhile.`,
    [["longest task", taskGoal, ...tasks(seen)], ...drawn(seen), ...typing(seen)],
  );
});

/** Asks something and types while the answer comes. */
async function streamed(page: Page): Promise<Typed> {
  const composer = page.getByRole("textbox", { name: "Message", exact: true });
  await composer.fill("Tell me all of it");
  const [talk] = await Promise.all([model.next(), composer.press("Enter")]);
  await page.getByRole("button", { name: "Stop" }).waitFor();
  await page.waitForFunction(() => document.querySelector("textarea")?.value === "");
  const text = "what is typed while an answer is written ".slice(0, (stream.pieces * stream.apart) / 50);
  const seen = await during(page, async () => {
    await Promise.all([write(talk), typeSteadily(page, text, 50)]);
    await moment(page, () => document.querySelector("[data-thread] [data-state=streaming]") === null);
  });
  const value = await composer.inputValue();
  await composer.fill("");
  return { ...seen, pressed: text.length, lost: text.length - value.length };
}

type Typed = Seen & { pressed: number; lost: number };

async function write(talk: Talk): Promise<void> {
  const section = (n: number) =>
    `## Part ${n}\n\nIt is **append only**, as \`a ledger\` is, and [nothing](https://example.com) of it is taken away.\n\n- what was written stays\n- what is new comes below\n\n` +
    `\`\`\`go\nfunc part${n}() error {\n\treturn errors.New("part ${n}")\n}\n\`\`\`\n\n| part | of |\n|---|---|\n| ${n} | many |\n\n`;
  const text = Array.from({ length: 100 }, (_, n) => section(n)).join("");
  const start = performance.now();
  for (let n = 0; n < stream.pieces; n++) {
    talk.say(text.slice(n * stream.bytes, (n + 1) * stream.bytes));
    await pause(start + (n + 1) * stream.apart - performance.now());
  }
  talk.end();
}

test("a long conversation", async () => {
  const id = await converse(house().server, turns, "slow");
  const page = await house().page();
  await installProbe(page);
  const opened: number[] = [];
  const read: (Seen & { took: number })[] = [];
  const typed: Typed[] = [];
  for (let n = 0; n < 3; n++) {
    await page.goto(`${house().server.url}/chat/${id}`, { waitUntil: "commit" });
    opened.push(await moment(page, (last) => [...document.querySelectorAll("[data-thread] article")].at(-2)?.textContent?.includes(last) ?? false, `Question ${turns} of`));
    const start = performance.now();
    read.push({ ...(await during(page, () => readUpwards(page))), took: performance.now() - start });
    await page.getByRole("textbox", { name: "Message", exact: true }).fill("");
    const text = "what is typed below a thousand messages";
    const seen = await during(page, () => typeSteadily(page, text, 50));
    typed.push({ ...seen, pressed: text.length, lost: text.length - (await page.locator("textarea").inputValue()).length });
  }
  const messages = await page.locator("[data-thread] article").count();
  const seen = await repeat(3, () => streamed(page));
  const loaded = (what: string) => `${what}, ${messages.toLocaleString("en")} messages in the page`;
  table(
    `A conversation of ${(2 * turns).toLocaleString("en")} messages`,
    "Made by asking the offline model through the API. It is opened by its address, read from its end to its beginning by a wheel that turns 800 pixels every 50 ms, and then, with all of it in the page, typed under and asked in as above. In three rounds. Older messages come 50 at a time and are drawn 8 in a task, the newest first.",
    [
      ["opened, its end is shown", "", ...times(opened)],
      ["read to its beginning", "", ...times(read.map((s) => s.took))],
      ["longest task meanwhile", taskGoal, ...tasks(read)],
      ...typing(typed).map(([what, ...rest]): Row => [loaded(what), ...rest]),
      [loaded("longest task of a stream"), taskGoal, ...tasks(seen)],
      ...[...drawn(seen), ...typing(seen)].map(([what, ...rest]): Row => [`${what}, stream`, ...rest]),
    ],
  );
});

/** Turns the wheel until the first message is reached. */
async function readUpwards(page: Page): Promise<void> {
  await page.getByRole("log").hover();
  for (;;) {
    await page.mouse.wheel(0, -800);
    await pause(50);
    const begun = await page.evaluate(() => document.querySelector("[data-thread]")!.scrollTop === 0 && document.querySelector("[data-thread] article p")?.textContent?.startsWith("Question 1 of"));
    if (begun) return;
  }
}

test("a long trail", async () => {
  await fillTrail(house().server, refusals, calls);
  const page = await house().page();
  await installProbe(page);
  const rowsAreThere = () => document.querySelectorAll("[data-index] > [role=gridcell] + [role=gridcell]").length > 0;
  const opened: number[] = [];
  const filtered: number[] = [];
  const cleared: number[] = [];
  const jumped: number[] = [];
  const seen: Record<"keys" | "bar" | "ends", Seen[]> = { keys: [], bar: [], ends: [] };
  const grid = page.getByRole("grid", { name: "Audit trail" });
  for (let n = 0; n < rounds; n++) {
    await page.goto(`${house().server.url}/admin/audit`, { waitUntil: "commit" });
    opened.push(await moment(page, rowsAreThere));
    await grid.locator("[data-index]").first().focus();
    seen.keys.push(await during(page, () => keysSteadily(page, "PageDown", 100, 30)));
    seen.bar.push(await during(page, () => drag(grid, 200)));
    seen.ends.push(await during(page, async () => {
      await grid.locator("[data-index]").first().focus();
      await page.keyboard.press("End");
      await moment(page, () => [...document.querySelectorAll("[data-index]")].at(-1)?.textContent?.includes("organisations.create") ?? false);
      await page.keyboard.press("Home");
      await moment(page, () => document.querySelectorAll("[data-index='0'] > [role=gridcell]").length > 1);
    }));
    for (let place = 1; place < 10; place++) jumped.push(await jump(page, place / 10));
    await page.getByRole("button", { name: "Filter", exact: true }).click();
    await page.getByLabel("Error code").fill("model_not_found");
    filtered.push(await lasts(page, () => page.keyboard.press("Enter"), (code) => {
      const rows = [...document.querySelectorAll("[data-index]")];
      return rows.length > 10 && rows.every((row) => row.textContent?.includes(code));
    }, "model_not_found"));
    cleared.push(await lasts(page, () => page.getByRole("button", { name: /^Remove the filter/ }).click(), () => {
      const rows = [...document.querySelectorAll("[data-index]")];
      return rows.length > 10 && rows.every((row) => row.textContent && !row.textContent.includes("model_not_found"));
    }));
  }
  const all = [...seen.keys, ...seen.bar, ...seen.ends];
  table(
    `A trail of ${(2 * calls + refusals).toLocaleString("en")} records`,
    "Made by calling the offline model, and one that there is not. The bar is dragged over the whole in 200 frames; a jump is to a tenth of the whole that was not in view.",
    [
      ["opened, first rows are shown", "", ...times(opened)],
      ["longest task: Page Down, 100 times, every 30 ms", taskGoal, ...tasks(seen.keys)],
      ["longest task: the bar from end to end", taskGoal, ...tasks(seen.bar)],
      ["longest task: End, and Home", taskGoal, ...tasks(seen.ends)],
      ["a jump, until its rows are shown", "", ...times(jumped)],
      [`a filter with ${refusals.toLocaleString("en")} records, until they are shown`, "", ...times(filtered)],
      ["the filter taken away, until all rows are shown", "", ...times(cleared)],
      ["row elements in the page, at most", "under 60", String(median(all.map((s) => s.rows))), String(Math.max(...all.map((s) => s.rows)))],
    ],
  );
});

async function keysSteadily(page: Page, key: string, times: number, apart: number): Promise<void> {
  const presses: Promise<void>[] = [];
  for (let n = 0; n < times; n++) {
    presses.push(page.keyboard.press(key));
    await pause(apart);
  }
  await Promise.all(presses);
}

/** Goes to a place of the table at once; returns how long its rows take. */
function jump(page: Page, part: number): Promise<number> {
  return page.getByRole("grid", { name: "Audit trail" }).evaluate(async (grid, part) => {
    const scroller = grid.parentElement!;
    const start = performance.now();
    scroller.scrollTop = scroller.scrollHeight * part;
    const shown = () => {
      const box = scroller.getBoundingClientRect();
      const row = document.elementFromPoint(box.left + 50, box.bottom - 50)?.closest("[data-index]");
      return row && row.children.length > 1;
    };
    do await new Promise((drawn) => requestAnimationFrame(drawn));
    while (!shown());
    return performance.now() - start;
  }, part);
}

/** When a condition came true, in milliseconds since the page was asked for. */
async function moment<A>(page: Page, come: (a: A) => boolean, a?: A): Promise<number> {
  await page.waitForFunction(come as (a: unknown) => boolean, a, { polling: "raf", timeout: 60_000 });
  return page.evaluate(() => performance.now());
}

/** How long it lasts until a condition comes true after an act. */
async function lasts<A>(page: Page, act: () => Promise<void>, come: (a: A) => boolean, a?: A): Promise<number> {
  const start = await page.evaluate(() => performance.now());
  await act();
  return (await moment(page, come, a)) - start;
}

const pause = (ms: number) => new Promise((over) => setTimeout(over, Math.max(0, ms)));

async function repeat<T>(n: number, once: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  while (all.length < n) all.push(await once());
  return all;
}

// The report.

/** What was measured, its goal, the median, and the worst. */
type Row = [what: string, goal: string, median: string, worst: string];

function table(title: string, how: string, rows: Row[]): void {
  tables.push([`## ${title}`, "", how, "", "| | goal | median | worst |", "|---|---:|---:|---:|", ...rows.map((row) => `| ${row.join(" | ")} |`), ""].join("\n"));
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

const ms = (n: number) => `${n < 10 ? n.toFixed(1) : Math.round(n)} ms`;

const times = (values: number[]): [string, string] => [ms(median(values)), ms(Math.max(...values))];

/** Browsers tell of no task that is shorter than this. */
const task = (n: number) => (n < 50 ? "under 50 ms" : ms(n));

function tasks(seen: Seen[]): [string, string] {
  const all = seen.map((s) => s.longestTask);
  return [task(median(all)), task(Math.max(...all))];
}

function drawn(seen: Seen[]): Row[] {
  const most = seen.map((s) => s.changesInFrame);
  return [
    ["changes of the thread within one frame, at most", "1 and colours", String(median(most)), String(Math.max(...most))],
    ["longest time between two frames", "", ...times(seen.map((s) => s.longestFrame))],
  ];
}

function typing(seen: Typed[]): Row[] {
  const sum = (of: (s: Typed) => number) => seen.reduce((n, s) => n + of(s), 0);
  return [
    ["a key, until its letter is drawn by the page", "16 ms", ...times(seen.flatMap((s) => s.handled))],
    ["a key, until the frame with its letter is done", "", ...times(seen.flatMap((s) => s.painted))],
    [`letters lost, of ${sum((s) => s.pressed)}`, "0", "", String(sum((s) => s.lost))],
  ];
}

afterAll(() => {
  const head = `# Speed of the Terminal

How fast the Terminal is in a browser, with much in it. Written by

    make ui-bench

on ${availableParallelism() === 2 ? "two" : availableParallelism()} cores, in about ten minutes: Chromium ${house().browser.version().split(".")[0]}, 1280 by 800, against the real program on SQLite. Browser,
server and what measures share the cores. The times are goals; nothing fails by them. What must hold on any machine, such as
the number of row elements and that no letter is lost, is in the browser tests (\`web/e2e/large.test.ts\`).

A task is what keeps a page from doing anything else. A letter is drawn when React is done with it; the frame that shows it
comes 16 ms later at best as screens go. Code in an answer gets its colours a little after its text, block by block; each is
a change of the thread of its own. The figures are medians over ${rounds} rounds unless said otherwise, with the
worst beside them; of keys and jumps, over all of them.
`;
  const report = [head, ...tables].join("\n");
  writeFileSync(fileURLToPath(new URL("../../docs/terminal-speed.md", import.meta.url)), report);
  console.log(report);
});
