import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import { refusal, renderPage, sessionOf, silence } from "@/test/render";
import { chartPoints, lastDays, recordsOf, total } from "./data";
import MyUsage from "./Mine";
import UsagePage from ".";

const report = {
  by: "model", days: ["2026-11-01", "2026-11-02"],
  series: [
    { id: "mock-large", name: "Mock Large", charge: ["0", "1.5"], tokens: [0, 300], calls: [0, 2], total: "1.5" },
    { id: "", name: "", rest: true, charge: ["0.25", "0"], tokens: [10, 0], calls: [1, 0], total: "0.25" },
  ],
};
const answers = {
  "GET /api/v1/usage/series": report,
  "GET /api/v1/usage/forecast": { month: "2026-11", spent: "1.75", per_day: "0.5", forecast: "15.25", days: 7, method: "The mean of the last 7 whole days." },
  "GET /api/v1/usage/export": refusal(403, "not this one"),
  "GET /api/v1/credits": { balance: "98.25", held: "0" },
};
const session = sessionOf({ actions: ["usage.export", "credits.grant", "credits.export"] });
const at = "/admin/usage";

test("every number of the chart stands in the table under it, and the forecast says how it is made", async () => {
  const { asked } = await renderPage(<UsagePage />, { at, session, answers });
  const table = await screen.findByRole("table", { name: "The numbers of the chart" });
  const row = within(table).getByRole("row", { name: /2026-11-02/ });
  expect(within(row).getAllByRole("cell").map((c) => c.textContent)).toEqual(["1.5", "0"]);
  expect(within(table).getAllByRole("rowheader").map((day) => day.textContent)).toEqual(["2026-11-02", "2026-11-01"]);
  await screen.findByText("The mean of the last 7 whole days.");
  await screen.findByText("15.25 credits");
  await userEvent.click(screen.getByRole("button", { name: "Usage as CSV" }));
  await screen.findByText("not this one");
  expect(asked.some((r) => r.url.includes("/api/v1/usage/export?by=model&from="))).toBe(true);
  const records = screen.getByRole("link", { name: "Audit records: Mock Large" });
  expect(records.getAttribute("href")).toContain("model=mock-large");
  expect(screen.queryByRole("link", { name: /All others/ })).toBeNull();
});

test("the range and what is shown stand in the address", async () => {
  const { asked } = await renderPage(<UsagePage />, { at: `${at}?by=user&show=calls&from=2026-11-01&to=2026-11-02`, session, answers });
  await screen.findByRole("table", { name: "The numbers of the chart" });
  expect(asked.map((r) => new URL(r.url).search)).toContain("?by=user&from=2026-11-01&to=2026-11-02");
  expect(screen.getByLabelText<HTMLSelectElement>("Shows").value).toBe("calls");
});

test("while it loads, when there is nothing, when it fails and without the right", async () => {
  const series = "GET /api/v1/usage/series";
  for (const [answer, text] of [[{ ...report, series: [] }, "Nothing was used in these days"], [refusal(500, "broken"), "broken"], [refusal(403, "not yours"), /not yours/]] as const) {
    const { unmount } = await renderPage(<UsagePage />, { at, session, answers: { ...answers, [series]: answer } });
    await screen.findByText(text);
    unmount();
  }
  await renderPage(<UsagePage />, { at, session, answers: { ...answers, [series]: silence } });
  await screen.findByRole("status", { name: "Loading" });
});

test("one's own usage has its sums, its chart as a table, and no way to the trail", async () => {
  const member = sessionOf({ role: "user", actions: ["usage.mine"] });
  const { asked } = await renderPage(<MyUsage />, { at: "/settings/usage?from=2026-11-01&to=2026-11-02", session: member, answers: { "GET /api/v1/usage/mine/series": report } });
  const table = await screen.findByRole("table", { name: "The numbers of the chart" });
  expect(within(within(table).getByRole("row", { name: /2026-11-02/ })).getAllByRole("cell").map((c) => c.textContent)).toEqual(["1.5", "0"]);
  expect(screen.getAllByRole("definition").map((d) => d.textContent)).toEqual(["1.75", "310", "3"]);
  expect(screen.queryByRole("link", { name: /Audit records/ })).toBeNull();
  await userEvent.selectOptions(screen.getByLabelText("By"), "Key");
  await waitFor(() => expect(asked.map((r) => new URL(r.url).search)).toContain("?by=key&from=2026-11-01&to=2026-11-02"));
});

test("one's own usage while it loads, when there is nothing, when it fails and without the right", async () => {
  const series = "GET /api/v1/usage/mine/series";
  for (const [answer, text] of [[{ ...report, series: [] }, "Nothing was used in these days"], [refusal(500, "broken"), "broken"], [refusal(403, "not yours"), /not yours/]] as const) {
    const { unmount } = await renderPage(<MyUsage />, { at: "/settings/usage", answers: { [series]: answer } });
    await screen.findByText(text);
    unmount();
  }
  await renderPage(<MyUsage />, { at: "/settings/usage", answers: { [series]: silence } });
  await screen.findByRole("status", { name: "Loading" });
});

test("points, ranges and ways to the trail", () => {
  expect(chartPoints(report, "tokens")[1]).toEqual({ day: "2026-11-02", s0: 300, s1: 0 });
  expect(total(report, "tokens")).toBe(310);
  expect(lastDays(7, new Date("2026-11-02T23:00:00Z"))).toEqual({ from: "2026-10-27", to: "2026-11-02" });
  const range = { from: "2026-11-01", to: "2026-11-02" };
  expect(recordsOf("user", { ...report.series[0]!, id: "u-1" }, range)).toBe("/admin/audit?actor=u-1&since=2026-11-01T00%3A00%3A00Z&until=2026-11-03T00%3A00%3A00.000Z");
  expect(recordsOf("group", report.series[0]!, range)).toBeUndefined();
});

describe("the ledger", () => {
  const path = "GET /api/v1/credits/ledger";
  const entry = { seq: 7, at: "2026-11-01T00:00:00Z", kind: "charge", amount: "-1.5", balance_after: "98.5", model: "mock-large", note: "", estimated: true, overrun: false };
  const show = (entries: unknown, more: object = {}, address = "?tab=ledger") => renderPage(<UsagePage />, { at: at + address, session, answers: { ...answers, [path]: entries, ...more } });

  test.each<[string, unknown, string | RegExp]>([
    ["an error", refusal(500, "broken"), "broken"],
    ["no right", refusal(403, "not yours"), /not yours/],
    ["nothing", [], "The ledger is empty"],
  ])("%s", async (_, answer, text) => {
    await show(answer);
    await screen.findByText(text);
  });

  test("loading", async () => {
    await show(silence);
    await screen.findByRole("status", { name: "Loading" });
  });

  test("entries say what they were for, and go on by the number of the last", async () => {
    const first = Array.from({ length: 100 }, (_, n) => ({ ...entry, seq: 200 - n }));
    const { asked } = await show((r: Request) => (new URL(r.url).searchParams.get("before") === "0" ? first : [entry]));
    const grid = await screen.findByRole("grid", { name: "Ledger" });
    expect((await within(grid).findAllByText("mock-large, estimated")).length).toBeGreaterThan(0);
    fireEvent.scroll(grid.parentElement!, { target: { scrollTop: 3000 } });
    await waitFor(() => expect(asked.some((r) => r.url.includes("/ledger?order=newest&limit=100&before=101"))).toBe(true));
  });

  test("credits are granted; a refusal stays in the dialog with what was typed", async () => {
    let refused = true;
    const { asked } = await show([entry], { "POST /api/v1/credits/grants": () => (refused ? refusal(422, "more than is free") : { seq: 8 }) }, "?tab=ledger&grant=1");
    const dialog = await screen.findByRole("dialog", { name: "Grant credits" });
    await userEvent.type(within(dialog).getByLabelText("Credits"), " -500 ");
    await userEvent.click(within(dialog).getByRole("button", { name: "Grant credits" }));
    await within(dialog).findByText("more than is free");
    refused = false;
    await userEvent.click(within(dialog).getByRole("button", { name: "Grant credits" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(await asked.find((r) => r.method === "POST")?.json()).toEqual({ amount: "-500", note: "" });
  });
});
