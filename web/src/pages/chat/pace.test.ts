import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Pace } from "./pace";

let now = 0;
let frames: (() => void)[] = [];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  now = 0;
  frames = [];
  vi.stubGlobal("requestAnimationFrame", (f: () => void) => frames.push(f));
  vi.spyOn(performance, "now").mockImplementation(() => now);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Lets one frame be drawn. */
function frame(): void {
  for (const f of frames.splice(0)) f();
}

/** A pace whose drawing takes a time, and how often it drew. */
function paceOf(took: number) {
  const draws = { n: 0 };
  const pace = new Pace(() => {
    draws.n++;
    now += took;
  });
  return { pace, draws };
}

test("however often it is asked, it draws once a frame", () => {
  const { pace, draws } = paceOf(5);
  for (let n = 0; n < 10; n++) pace.ask();
  frame();
  expect(draws.n).toBe(1);
  frame();
  pace.ask();
  frame();
  expect(draws.n).toBe(2);
});

test.each([[80, 40], [150, 75], [1000, 100]])("a frame of %i ms is followed by a rest of %i", (took, rest) => {
  const { pace, draws } = paceOf(took);
  pace.ask();
  frame();
  frame();
  pace.ask();
  vi.advanceTimersByTime(rest - 1);
  frame();
  expect(draws.n).toBe(1);
  vi.advanceTimersByTime(1);
  frame();
  expect(draws.n).toBe(2);
});

test("what has stopped draws nothing", () => {
  const { pace, draws } = paceOf(5);
  pace.ask();
  pace.stop();
  frame();
  pace.ask();
  frame();
  expect(draws.n).toBe(0);
});
