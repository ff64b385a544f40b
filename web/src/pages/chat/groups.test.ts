import { expect, it } from "vitest";
import { groupByDay } from "./groups";
import { conversation } from "./message.fixture";

const now = new Date(2026, 5, 15, 10, 0);
const at = (day: number, hour = 12, month = 5) => new Date(2026, month, day, hour).toISOString();

it("groups by day, the pinned ones on top", () => {
  const list = [
    conversation({ id: "p", pinned: true, updated_at: at(1) }),
    conversation({ id: "a", updated_at: at(15, 9) }),
    conversation({ id: "b", updated_at: at(15, 0) }),
    conversation({ id: "c", updated_at: at(14, 23) }),
    conversation({ id: "d", updated_at: at(14, 0) }),
    conversation({ id: "e", updated_at: at(13) }),
    conversation({ id: "f", updated_at: at(9) }),
    conversation({ id: "g", updated_at: at(20, 12, 4) }),
    conversation({ id: "h", updated_at: at(3, 12, 1) }),
  ];
  expect(groupByDay(list, now).map((g) => [g.title, g.conversations.map((c) => c.id).join("")])).toEqual([
    ["Pinned", "p"],
    ["Today", "ab"],
    ["Yesterday", "cd"],
    ["Previous 7 days", "ef"],
    ["Previous 30 days", "g"],
    ["February 2026", "h"],
  ]);
});
