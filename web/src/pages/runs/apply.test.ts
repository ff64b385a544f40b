import { expect, test } from "vitest";
import { apply, begin, outputOf } from "./apply";
import type { Step, WholeRun } from "./calls";

const step = (changed: Partial<Step> = {}): Step => ({ index: 0, name: "one", model: "m", state: "pending", begun_at: null, ended_at: null, credits: "0", attempts: [], ...changed });
const attempt = (n: number) => ({ n, call: `c-${n}`, begun_at: "2026-01-01T00:00:00Z", ended_at: null, credits: "0" });
const run: WholeRun = {
  id: "r-1", agent: { id: "a-1", name: "Digest", deleted: false }, state: "in_progress", start: "terminal", user: { id: "u-ann", name: "Ann" },
  created_at: "2026-01-01T00:00:00Z", ended_at: null, credits: "0", inputs: {}, steps: [step()],
};
const event = (name: string, data: unknown) => ({ id: "1", name, data: JSON.stringify(data) });
const text = (call: number, delta: string) => event("text", { step: 0, call, from: 0, delta });

test("the text of a step grows, and is dropped when another attempt begins", () => {
  let live = apply(begin(run), [event("step", step({ state: "in_progress", attempts: [attempt(1)] })), text(1, "Hel"), text(1, "lo")]);
  expect(live.run.steps[0]?.state).toBe("in_progress");
  expect(outputOf(live, live.run.steps[0]!)).toBe("Hello");
  live = apply(live, [event("step", step({ state: "in_progress", attempts: [attempt(1), attempt(2)] }))]);
  expect(outputOf(live, live.run.steps[0]!)).toBe("");
  live = apply(live, [text(1, "late"), text(2, "Hi")]);
  expect(outputOf(live, live.run.steps[0]!)).toBe("Hi");
});

test("the last event has the whole run", () => {
  const ended: WholeRun = { ...run, state: "success", steps: [step({ state: "success", output: "Hi" })] };
  const live = apply(begin(run), [text(1, "x"), event("run", ended)]);
  expect(live).toEqual(begin(ended));
});

test("what cannot be read changes nothing", () => {
  const live = begin(run);
  expect(apply(live, [{ id: "1", name: "text", data: "{" }, event("other", {})])).toBe(live);
});
