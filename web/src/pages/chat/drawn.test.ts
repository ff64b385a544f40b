import { act, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { slice, useDrawn } from "./drawn";
import type { Message } from "./message";
import { message } from "./message.fixture";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const page = (first: number, last: number) => Array.from({ length: last - first }, (_, i) => message({ id: `m${first + i}` }));
const frame = () => act(() => vi.advanceTimersToNextTimer().advanceTimersToNextTimer());

function draw(path: Message[]) {
  const before = vi.fn();
  const { result, rerender } = renderHook(({ path }) => useDrawn(path, before), { initialProps: { path } });
  return { before, from: () => result.current, become: (path: Message[]) => rerender({ path }) };
}

test("the end is drawn at once, and the rest a slice each frame", () => {
  const { from, before } = draw(page(0, 50));
  const seen = [from()];
  while (from() > 0) {
    frame();
    seen.push(from());
  }
  expect(seen).toEqual([42, 34, 26, 18, 10, 2, 0]);
  expect(before).toHaveBeenCalledTimes(seen.length - 1);
  expect(vi.getTimerCount()).toBe(0);
});

test("a short path is drawn at once", () => {
  expect(draw(page(0, slice)).from()).toBe(0);
});

test("what was drawn stays when older messages come and when others are added below", () => {
  const { from, become } = draw(page(50, 55));
  become(page(0, 55));
  expect(from()).toBe(50);
  frame();
  expect(from()).toBe(42);
  become(page(0, 60));
  expect(from()).toBe(42);
  frame();
  expect(from()).toBe(34);
});

test("another branch is drawn from its end", () => {
  const { from, become } = draw(page(0, 8));
  become(page(100, 150));
  expect(from()).toBe(42);
});
