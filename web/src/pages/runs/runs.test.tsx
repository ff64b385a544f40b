import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import { useSessionState } from "@/session";
import { Answer, refusal, renderPage, sessionOf, silence } from "@/test/render";
import type { WholeRun } from "./calls";
import Runs from "./index";
import Run from "./Run";

const run: WholeRun = {
  id: "r-1", agent: { id: "a-1", name: "Digest", deleted: false }, state: "failure", start: "api", user: { id: "u-ann", name: "Ann" },
  created_at: "2026-01-01T00:00:00Z", ended_at: "2026-01-01T00:01:05Z", credits: "0.5", inputs: { ticket: "<b>It</b>" },
  error: { code: "rate_limit_exceeded", message: "too many requests" },
  steps: [
    { index: 0, name: "Sum up", model: "m", state: "success", begun_at: "2026-01-01T00:00:00Z", ended_at: "2026-01-01T00:00:02Z", credits: "0.25", prompt: "Sum up", output: "Short.", attempts: [] },
    { index: 1, name: "", model: "m", state: "failure", begun_at: "2026-01-01T00:00:02Z", ended_at: "2026-01-01T00:01:05Z", credits: "0.25", prompt: "Reply",
      attempts: [{ n: 2, call: "c-2", begun_at: "2026-01-01T00:00:02Z", ended_at: null, code: "interrupted", credits: "0" }] },
    { index: 2, name: "Last", model: "m", state: "skipped", begun_at: null, ended_at: null, credits: "0", attempts: [] },
  ],
};
/** A busy machine takes its time. */
const patience = { timeout: 10_000 };
const list = "GET /api/v1/runs";
const session = sessionOf({ actions: ["runs.list", "runs.export", "runs.start", "runs.cancel", "runs.get"] });

describe("runs", () => {
  test("loading, and nothing yet", async () => {
    const { unmount } = await renderPage(<Runs />, { at: "/runs", session, answers: { [list]: silence } });
    expect(await screen.findByRole("status", { name: "Loading" })).toBeTruthy();
    unmount();
    await renderPage(<Runs />, { at: "/runs", session, answers: { [list]: { runs: [] } } });
    expect(await screen.findByText("Nothing has run yet")).toBeTruthy();
  });

  test("no right, and a failure that can be tried again", async () => {
    const { unmount } = await renderPage(<Runs />, { at: "/runs", session, answers: { [list]: refusal(403, "not you") } });
    expect(await screen.findByText("You may not see this")).toBeTruthy();
    unmount();
    let fails = true;
    await renderPage(<Runs />, { at: "/runs", session, answers: { [list]: () => (fails ? refusal(500, "internal error") : { runs: [] }) } });
    const again = await screen.findByRole("button", { name: "Try again" }, patience);
    fails = false;
    await userEvent.click(again);
    expect(await screen.findByText("Nothing has run yet")).toBeTruthy();
  });

  test("failures are one press away, and the server filters", async () => {
    const { asked, router } = await renderPage(<Runs />, { at: "/runs", session, answers: { [list]: { runs: [] }, "GET /api/v1/runs/export": refusal(403, "not this one") } });
    await userEvent.click(await screen.findByRole("button", { name: "Failures" }));
    expect(await screen.findByText("Nothing matches")).toBeTruthy();
    expect(router.state.location.search).toEqual({ state: "failure" });
    expect(new URL(asked.findLast((r) => r.url.includes("/api/v1/runs?"))!.url).searchParams.get("state")).toBe("failure");
    await userEvent.click(screen.getByRole("button", { name: "Export CSV" }));
    await screen.findByText("not this one");
    expect(asked.some((r) => r.url.endsWith("/api/v1/runs/export?state=failure&format=csv"))).toBe(true);
    await userEvent.click(screen.getByRole("button", { name: "Clear filters" }));
    await waitFor(() => expect(router.state.location.search).toEqual({}));
  });
});

describe("a run", () => {
  const at = { at: "/runs/r-1", route: "/runs/$id", session };

  test("shows its steps, its inputs as text, and why it failed", async () => {
    await renderPage(<Run />, { ...at, answers: { "GET /api/v1/runs/r-1": run } });
    expect(await screen.findByRole("heading", { name: "Run of Digest" })).toBeTruthy();
    expect(screen.getByLabelText("ticket").textContent).toBe("<b>It</b>");
    expect(screen.getByRole("alert").textContent).toContain("too many requests");
    expect(screen.getByText(/was interrupted/)).toBeTruthy();
    expect(screen.getByText("Skipped")).toBeTruthy();
    expect(screen.getByRole("button", { name: "Run again" })).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Cancel run" })).toBeNull();
  });

  test("leads to its records, for those who may see them", async () => {
    const { unmount } = await renderPage(<Run />, { ...at, answers: { "GET /api/v1/runs/r-1": run } });
    expect(await screen.findByRole("heading", { name: "Run of Digest" })).toBeTruthy();
    expect(screen.queryByRole("link", { name: "Records of this run" })).toBeNull();
    unmount();
    await renderPage(<Run />, { ...at, session: sessionOf({ actions: ["runs.get", "audit.list"] }), answers: { "GET /api/v1/runs/r-1": run } });
    expect((await screen.findByRole("link", { name: "Records of this run" })).getAttribute("href")).toContain("/admin/audit?run=r-1");
  });

  test("asks before it cancels", async () => {
    const goesOn = { ...run, state: "in_progress", ended_at: null, error: undefined };
    const { asked } = await renderPage(<Run />, {
      ...at, answers: { "GET /api/v1/runs/r-1": goesOn, "GET /api/v1/runs/r-1/events": silence, "POST /api/v1/runs/r-1/cancel": undefined },
    });
    await userEvent.click(await screen.findByRole("button", { name: "Cancel run" }));
    expect(screen.getByRole("dialog").textContent).toContain("Digest ends at once");
    await userEvent.keyboard("{Escape}");
    expect(asked.some((r) => r.method === "POST")).toBe(false);
  });

  test("is followed on after signing in again", async () => {
    const goesOn = { ...run, state: "in_progress", ended_at: null, error: undefined };
    let signedIn = false;
    const events = () => (signedIn ? new Response(`id: 1\nevent: run\ndata: ${JSON.stringify({ ...run, state: "success" })}\n\n`) : new Answer(401, { message: "ended" }));
    function SignIn() {
      const { ended, signIn } = useSessionState();
      return ended ? <button type="button" onClick={() => void signIn("a", "b")}>sign in</button> : null;
    }
    await renderPage(<><Run /><SignIn /></>, {
      ...at,
      answers: {
        "GET /api/v1/runs/r-1": goesOn,
        "GET /api/v1/runs/r-1/events": events,
        "POST /api/v1/session": () => {
          signedIn = true;
          return session;
        },
      },
    });
    await userEvent.click(await screen.findByRole("button", { name: "sign in" }));
    await waitFor(() => expect(document.querySelector("[data-run-state]")?.getAttribute("data-run-state")).toBe("success"));
  });

  test("a run that is not there, or not one's own", async () => {
    await renderPage(<Run />, { ...at, answers: { "GET /api/v1/runs/r-1": refusal(404, "Run not found") } });
    expect(await screen.findByText("Run not found")).toBeTruthy();
  });
});
