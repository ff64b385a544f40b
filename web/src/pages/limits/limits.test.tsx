import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import { Answer, refusal, renderPage, sessionOf, silence } from "@/test/render";
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

test("limits show their use, and what is full says so", async () => {
  await renderPage(<Limits />, { at, session, answers });
  const grid = await screen.findByRole("grid", { name: "Rate limits" });
  await within(grid).findByText("150 of 600");
  expect(within(grid).getByText("1,000 of 1,000")).toBeTruthy();
  expect(within(grid).getByText("Each user without limits of their own")).toBeTruthy();
});

test("what the operator's file says of everybody is read-only", async () => {
  await renderPage(<Limits />, { at: `${at}?limit=user/`, session, answers });
  const drawer = await screen.findByRole("dialog");
  await within(drawer).findByText(/read-only here/);
  expect(within(drawer).queryByRole("button", { name: "Save" })).toBeNull();
});

const looks: [string, unknown, string | RegExp][] = [
  ["an error", refusal(500, "no database"), "no database"],
  ["no right", refusal(403, "not for you"), /not for you/],
];

describe("budgets", () => {
  const path = "GET /api/v1/budgets";
  const show = (budgets: unknown, more: object = {}, who = session, address = "?tab=budgets") =>
    renderPage(<Limits />, { at: at + address, session: who, answers: { ...answers, [path]: budgets, ...more } });
  const budget = { scope: "group", subject: "g-1", name: "Red", period: "month", limit: "10", spent: "2.5", held: "0.5", since: "2026-11-01T00:00:00Z" };

  test.each([...looks, ["nothing", [], "No budget yet"]] as typeof looks)("%s", async (_, answer, text) => {
    await show(answer);
    await screen.findByText(text);
  });

  test("loading", async () => {
    await show(silence);
    await screen.findByRole("status", { name: "Loading" });
  });

  test("are shown with what was spent, and removed after a question", async () => {
    const { asked } = await show([budget], { "DELETE /api/v1/budgets": new Answer(204) });
    await screen.findByText("2.50 of 10.00");
    await userEvent.click(screen.getByRole("button", { name: "Actions for this row" }));
    await userEvent.click(await screen.findByRole("menuitem", { name: "Remove" }));
    const dialog = await screen.findByRole("dialog", { name: "Remove the budget of Red?" });
    await userEvent.click(within(dialog).getByRole("button", { name: "Remove" }));
    await waitFor(() => expect(asked.find((r) => r.method === "DELETE")?.url).toMatch(/\?scope=group&subject=g-1&period=month$/));
  });

  test("are set; a refusal is told in the drawer, which stays", async () => {
    const { asked } = await show([], { "PUT /api/v1/budgets": refusal(422, "the limit must be positive") }, session, "?tab=budgets&add=1");
    const drawer = await screen.findByRole("dialog", { name: "Set a budget" });
    await userEvent.type(within(drawer).getByLabelText("Limit in credits"), "0");
    await userEvent.click(within(drawer).getByRole("button", { name: "Save" }));
    await within(drawer).findByText("the limit must be positive");
    const put = asked.find((r) => r.method === "PUT");
    expect(new URL(put!.url).search).toBe("?scope=organisation&period=month");
    expect(await put!.json()).toEqual({ limit: "0" });
  });

  test("nobody is offered to set what they may not", async () => {
    await show([budget], {}, sessionOf());
    await screen.findByText("2.50 of 10.00");
    expect(screen.queryByRole("button", { name: "Set a budget" })).toBeNull();
  });
});

describe("what applies to a user", () => {
  const path = "GET /api/v1/users/u-1/limits";
  const show = (all: unknown, address = "?tab=user&user=u-1") => renderPage(<Limits />, { at: at + address, session, answers: { ...answers, [path]: all } });

  test.each(looks)("%s", async (_, answer, text) => {
    await show(answer);
    await screen.findByText(text);
  });

  test("loading", async () => {
    await show(silence);
    await screen.findByRole("status", { name: "Loading" });
  });

  test("nothing that bounds them is said three times, once for each kind", async () => {
    await show({ user_id: "u-1", name: "Ann", limits: null, keys: [], budgets: [] });
    expect(await screen.findAllByText("Nothing")).toHaveLength(3);
  });

  test("somebody is chosen, and the address has whom", async () => {
    const { router } = await show({ user_id: "u-1", name: "Ann", limits, keys: [], budgets: [] }, "?tab=user");
    await screen.findByRole("option", { name: "ann@acme.test" });
    await userEvent.selectOptions(screen.getByLabelText("User"), "u-1");
    await within(await screen.findByRole("grid", { name: "Rate limits" })).findByText("150 of 600");
    expect(router.state.location.search).toEqual({ tab: "user", user: "u-1" });
  });
});
