import { act, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "@/api/client";
import { States } from "./States";

const pending = { data: undefined, error: null, isPending: true, isFetching: true, refetch: () => {} };
const loaded = { data: ["one"], error: null, isPending: false, isFetching: false, refetch: () => {} };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const show = (query: { data: string[] | undefined; error: unknown; isPending: boolean; isFetching: boolean; refetch: () => unknown }) => (
  <States query={query} skeleton={<p>skeleton</p>} empty={<p>nothing</p>} isEmpty={(d) => d.length === 0}>
    {(d) => <p>{d.join()}</p>}
  </States>
);

test("a quick answer shows no skeleton", () => {
  const { rerender } = render(show(pending));
  act(() => void vi.advanceTimersByTime(149));
  expect(screen.queryByText("skeleton")).toBeNull();
  rerender(show(loaded));
  screen.getByText("one");
});

test("a skeleton that is shown stays long enough to be seen", () => {
  const { rerender } = render(show(pending));
  act(() => void vi.advanceTimersByTime(151));
  screen.getByText("skeleton");
  rerender(show(loaded));
  act(() => void vi.advanceTimersByTime(200));
  screen.getByText("skeleton");
  act(() => void vi.advanceTimersByTime(120));
  screen.getByText("one");
});

test("nothing is shown as such", () => {
  render(show({ ...loaded, data: [] }));
  screen.getByText("nothing");
});

test("no right is not a failure", () => {
  render(show({ ...pending, isPending: false, error: new ApiError(403, "Forbidden", "this needs the role administrator") }));
  screen.getByText(/this needs the role administrator/);
  expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
});

test("a failed refresh keeps the old data on the screen", () => {
  render(show({ ...loaded, error: new ApiError(500, "x", "the disk is full", { requestId: "req_9" }) }));
  screen.getByText("one");
  screen.getByText("the disk is full");
  screen.getByText("req_9");
});
