import { configure, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { refusal, renderPage, silence } from "@/test/render";
import System, { bytesText } from ".";

// A busy machine may take long to draw a page.
configure({ asyncUtilTimeout: 15_000 });

const system = {
  version: "v1.2.3", go: "go1.26", platform: "linux/amd64", node: "n-1", started_at: "2026-03-01T12:00:00Z", now: "2026-03-01T13:00:00Z",
  storage: { database: "sqlite", bytes: 3 << 20, runs_bytes: 0, durability: "strict", migration: 64, free_bytes: 2 ** 30, disk_bytes: 2 ** 31 },
  journal: { writable: false, waiting: 3, kept: 0 }, limits: { backend: "memory" },
  nodes: [{ node: "n-1", boot_id: "b", expires_at: "2026-03-01T13:00:15Z", this: true }],
  followers: { head: 1000, oldest: 1, signed: 990, signed_at: "2026-03-01T12:59:00Z", indexed: 767, removed: 0, ledger: 5, rolled_up: 5, sinks_behind_seconds: 0, sinks: 0 },
  process: { goroutines: 40, heap_bytes: 1 << 20, sys_bytes: 1 << 21, gcs: 1, cpus: 2 },
  settings: { providers: 1, models: 1, sinks: 0, behind_proxy: false, tls: false, metrics: false, tracing: false },
  parts: [{ module: "github.com/google/uuid", version: "v1.6.0", licence: "BSD-3-Clause" }],
};
const path = "GET /api/v1/system";

test("the facts are shown, and what is wrong is said in words", async () => {
  await renderPage(<System />, { answers: { [path]: system, "GET /api/v1/system/diagnostics": refusal(403, "not this one") }, at: "/admin/system" });
  await screen.findByText("cannot be written: calls are refused");
  expect(screen.getByText("1 GiB of 2 GiB")).toBeTruthy();
  expect(screen.getByText(/10 behind/)).toBeTruthy();
  expect(screen.getByText("BSD-3-Clause")).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Download diagnostics" }));
  await screen.findByText("not this one");
});

test("loading, an error and no right have their looks", async () => {
  for (const [answer, role, name] of [
    [silence, "status", "Loading"], [refusal(500, "broken"), "heading", "This could not be loaded"], [refusal(403, "no"), "heading", "You may not see this"],
  ] as const) {
    const { unmount } = await renderPage(<System />, { answers: { [path]: answer }, at: "/admin/system" });
    await screen.findByRole(role, { name });
    unmount();
  }
});

test("sizes are short", () => {
  expect([bytesText(0), bytesText(1536), bytesText(3 << 20)]).toEqual(["0 B", "1.5 KiB", "3 MiB"]);
});
