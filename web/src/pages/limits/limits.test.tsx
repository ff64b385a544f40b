import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { refusal, renderPage, sessionOf, silence } from "@/test/render";
import Limits from ".";

const rates = { requests_per_minute: 0, tokens_per_minute: 0 };
const limits = [
  { scope: "organisation", ...rates, requests_per_minute: 600, managed_by: "file", use: [{ unit: "requests", limit: 600, used: 150, remaining: 450, reset_ms: 15000 }] },
  { scope: "user", ...rates, managed_by: "file", use: [] },
  { scope: "group", id: "g-1", name: "Red", ...rates, tokens_per_minute: 1000, managed_by: "organisation", use: [{ unit: "tokens", limit: 1000, used: 1000, remaining: 0, reset_ms: 60000 }] },
];
const answers = { "GET /api/v1/limits/use": limits, "GET /api/v1/budgets": [], "GET /api/v1/users": { users: [{ id: "u-1", email: "ann@acme.test" }] } };
const session = sessionOf({ actions: ["policies.set", "budgets.set", "budgets.remove"] });
const at = "/admin/limits";

test("while it loads, when it fails and without the right", async () => {
  for (const [answer, text] of [[refusal(500, "no database"), "no database"], [refusal(403, "not for you"), /not for you/]] as const) {
    const { unmount } = await renderPage(<Limits />, { at, session, answers: { "GET /api/v1/limits/use": answer } });
    await screen.findByText(text);
    unmount();
  }
  await renderPage(<Limits />, { at, session, answers: { "GET /api/v1/limits/use": silence } });
  await screen.findByRole("status", { name: "Loading" });
});

test("limits of a group are changed by its drawer", async () => {
  const sent: unknown[] = [];
  await renderPage(<Limits />, {
    at: `${at}?limit=group/g-1`, session,
    answers: { ...answers, "PUT /api/v1/limits": async (r: Request) => { sent.push(new URL(r.url).search, await r.json()); return undefined; } },
  });
  const drawer = await screen.findByRole("dialog", { name: "Red" });
  const requests = within(drawer).getByLabelText("Requests a minute");
  await userEvent.clear(requests);
  await userEvent.type(requests, "5{Control>}{Enter}{/Control}");
  await waitFor(() => expect(sent).toEqual(["?scope=group&id=g-1", { requests_per_minute: 5, tokens_per_minute: 1000, concurrent: 0 }]));
});

test("whom a user's limits are shown of is chosen from all pages", async () => {
  const users = Array.from({ length: 201 }, (_, n) => ({ id: `u-${n}`, email: `u${n}@acme.test` }));
  const { asked } = await renderPage(<Limits />, {
    at: `${at}?tab=user`, session,
    answers: {
      "GET /api/v1/users": (r: Request) => {
        const { searchParams } = new URL(r.url);
        const limit = Number(searchParams.get("limit") ?? 50);
        const from = Number(searchParams.get("cursor") ?? 0);
        return { users: users.slice(from, from + limit), next: from + limit < users.length ? String(from + limit) : "" };
      },
    },
  });
  await screen.findByRole("option", { name: "u200@acme.test" });
  expect(asked.filter((r) => r.url.includes("/users"))).toHaveLength(2);
});
