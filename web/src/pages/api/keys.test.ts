import { expect, test } from "vitest";
import { type Key, requestOf, stateOf } from "./keys";

const now = new Date("2026-05-01T12:00:00Z");

function form(fields: Record<string, string>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  return data;
}

test("what is left empty is not sent", () => {
  expect(requestOf(form({ name: " ci ", days: "0", requests: "", tokens: "", concurrent: "", budget: "", period: "month" }), now)).toEqual({ name: "ci" });
});

test("expiry, limits and budget are sent in the words of the API", () => {
  expect(requestOf(form({ name: "ci", days: "30", requests: "5", tokens: "", concurrent: "2", budget: "1.5", period: "month" }), now)).toEqual({
    name: "ci",
    expires_at: "2026-05-31T12:00:00.000Z",
    limits: { requests_per_minute: 5, tokens_per_minute: 0, concurrent: 2 },
    budgets: [{ period: "month", limit: "1.5" }],
  });
});

test.each<[Partial<Key>, string]>([
  [{}, "active"],
  [{ expires_at: "2026-05-01T12:00:01Z" }, "active"],
  [{ expires_at: "2026-05-01T12:00:00Z" }, "expired"],
  [{ expires_at: "2026-04-01T12:00:00Z", revoked_at: "2026-04-02T12:00:00Z" }, "revoked"],
])("a key with %o is %s", (changed, want) => {
  const key: Key = { id: "1", name: "ci", prefix: "sp-1", user_id: "u", created_at: "2026-01-01T00:00:00Z", expires_at: null, revoked_at: null, ...changed };
  expect(stateOf(key, now)).toBe(want);
});
