import { configure, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { refusal, renderPage, silence } from "@/test/render";
import Sinks from ".";

// A busy machine may take long to draw a page.
configure({ asyncUtilTimeout: 15_000 });

const sink = {
  name: "siem", type: "webhook", format: "json", managed_by: "file", scope: "organisation", cursor: 40, head: 52, waiting: 12,
  behind_seconds: 90, delivered_at: null, dead_letters: 0, failures: 3, error: "connection refused",
};
const path = "GET /api/v1/audit/sinks";

test("a sink is shown read-only, with its last error, and is tried", async () => {
  const { asked } = await renderPage(<Sinks />, {
    answers: { [path]: [sink], "POST /api/v1/audit/sinks/siem/test": { delivered: false, seq: 53, error: "still refused", ms: 4 } },
    at: "/admin/sinks?sink=siem", route: "/admin/sinks",
  });
  await screen.findByText("connection refused");
  expect(screen.getByText("record 40 of 52")).toBeTruthy();
  expect(screen.getAllByText(/operator’s file/).length).toBeGreaterThan(0);
  await userEvent.click(screen.getByRole("button", { name: "Send a test record" }));
  await screen.findByText("still refused");
  expect(asked.filter((r) => r.method === "POST").length).toBe(1);
});

test("loading, nothing, an error and no right have their looks", async () => {
  for (const [answer, role, name] of [
    [silence, "status", "Loading"], [[], "heading", "The trail goes to no sink"],
    [refusal(500, "broken"), "heading", "This could not be loaded"], [refusal(403, "no"), "heading", "You may not see this"],
  ] as const) {
    const { unmount } = await renderPage(<Sinks />, { answers: { [path]: answer }, at: "/admin/sinks" });
    await screen.findByRole(role, { name });
    unmount();
  }
});
