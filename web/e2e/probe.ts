import type { Locator, Page } from "playwright-core";

/** What the probe saw since the last look. Times are in milliseconds. */
export interface Seen {
  /** Longest task of the page; 0 when none reached 50, below which browsers do not tell. */
  longestTask: number;
  /** Frames, and the longest time between two. */
  frames: number;
  longestFrame: number;
  /** How often the thread changed, by React's commits, and the most within one frame. */
  changes: number;
  changesInFrame: number;
  /** For each key: until its input had been handled and drawn by React, and until it was on the screen. */
  handled: number[];
  painted: number[];
  /** The most row elements that the table ever had. */
  rows: number;
}

/** Installs the probe in every document that the page opens from now on. */
export async function installProbe(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const fresh = (): Seen => ({ longestTask: 0, frames: 0, longestFrame: 0, changes: 0, changesInFrame: 0, handled: [], painted: [], rows: 0 });
    let seen = fresh();
    let inFrame = 0;
    let before = 0;
    const tasks = new PerformanceObserver((list) => take(list.getEntries()));
    const take = (entries: PerformanceEntryList) => entries.forEach((e) => (seen.longestTask = Math.max(seen.longestTask, e.duration)));
    tasks.observe({ type: "longtask", buffered: true });
    /** Runs when the task that is running has ended. */
    const after = (then: () => void) => {
      const channel = new MessageChannel();
      channel.port1.onmessage = then;
      channel.port2.postMessage(0);
    };
    const frame = (now: number) => {
      seen.frames++;
      if (before) seen.longestFrame = Math.max(seen.longestFrame, now - before);
      before = now;
      seen.changesInFrame = Math.max(seen.changesInFrame, inFrame);
      inFrame = 0;
      // Looking for rows takes long where there are thousands of messages, and there are none.
      if (!document.querySelector("[data-thread]")) seen.rows = Math.max(seen.rows, document.querySelectorAll("[role=row][data-index]").length);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    const changes = new MutationObserver(() => (seen.changes++, inFrame++));
    const thread = () => {
      const found = document.querySelector("[data-thread]");
      if (found) changes.observe(found, { subtree: true, childList: true, characterData: true });
    };
    let pressed = 0;
    addEventListener("keydown", (e) => (pressed = e.timeStamp), true);
    // The last of the listeners: React has its own on an element and draws when that returns.
    addEventListener("input", () => {
      const from = pressed;
      seen.handled.push(performance.now() - from);
      requestAnimationFrame(() => after(() => seen.painted.push(performance.now() - from)));
    });
    Object.assign(window, {
      probe: {
        reset: () => {
          tasks.takeRecords();
          seen = fresh();
          inFrame = before = 0;
          changes.disconnect();
          thread();
        },
        look: () => (take(tasks.takeRecords()), seen),
      },
    });
  });
}

type Probed = { probe: { reset: () => void; look: () => Seen } };

/** What the probe sees while work is done. */
export async function during(page: Page, work: () => Promise<void>): Promise<Seen> {
  await page.evaluate(() => (window as unknown as Probed).probe.reset());
  await work();
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn))));
  return page.evaluate(() => (window as unknown as Probed).probe.look());
}

/** Presses the keys of a text in a rhythm, whether or not the page keeps up. */
export async function typeSteadily(page: Page, text: string, pause: number): Promise<void> {
  const presses: Promise<void>[] = [];
  for (const key of text) {
    presses.push(page.keyboard.press(key));
    await new Promise((over) => setTimeout(over, pause));
  }
  await Promise.all(presses);
}

/** Pulls the bar of a table from its beginning to its end, a step each frame. */
export async function drag(table: Locator, steps: number): Promise<void> {
  await table.evaluate(async (grid, steps) => {
    const scroller = grid.parentElement!;
    for (let n = 0; n <= steps; n++) {
      scroller.scrollTop = ((scroller.scrollHeight - scroller.clientHeight) * n) / steps;
      await new Promise((drawn) => requestAnimationFrame(drawn));
    }
  }, steps);
}
