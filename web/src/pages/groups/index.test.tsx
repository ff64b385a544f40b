import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import { refusal, renderPage, sessionOf } from "@/test/render";
import Groups from ".";
import { freeName, withState } from "./groups";

const session = sessionOf({ actions: ["groups.list"] });
const soc = { id: "g-1", name: "SOC", created_at: "2026-01-05T09:30:00Z" };
const ann = { user_id: "u-1", email: "ann@acme.test", name: "Ann", role: "user" };
const rights = {
  rights: [
    { area: "features", name: "agent_creation", allowed: true, text: "on: group SOC; ceiling: organisation on" },
    { area: "models", name: "mock-large", allowed: false, text: "off: group SOC; ceiling: organisation on" },
  ],
  dlp: { mode: "enforce" },
};
const answers = {
  "GET /api/v1/groups": [soc],
  "GET /api/v1/groups/g-1/members": [ann],
  "GET /api/v1/groups/g-1/policies": { features: { agent_creation: "on" }, models: { default: "off" } },
  "GET /api/v1/groups/g-1/effective": rights,
  "PUT /api/v1/groups/g-1/policies": undefined as unknown,
};

// A busy machine takes its time over the layers of a drawer.
const soon = { timeout: 10_000 };

describe("Groups", { timeout: 30_000 }, () => {
  test("without the right it says which role has it", async () => {
    await renderPage(<Groups />, { session: sessionOf({ actions: [], role: "user" }), at: "/admin/groups" });
    expect(await screen.findByText("Groups are managed with the role administrator.", {}, soon)).toBeTruthy();
  });
  test("empty", async () => {
    await renderPage(<Groups />, { session, answers: { "GET /api/v1/groups": [] }, at: "/admin/groups" });
    expect(await screen.findByText("There are no groups", {}, soon)).toBeTruthy();
  });
  test("refused", async () => {
    await renderPage(<Groups />, { session, answers: { "GET /api/v1/groups": refusal(500, "internal error") }, at: "/admin/groups" });
    expect(await screen.findByText("internal error", {}, soon)).toBeTruthy();
  });
  test("effective rights tell where they come from, and a decision is one area", async () => {
    const { asked } = await renderPage(<Groups />, {
      session,
      answers: { ...answers, "PUT /api/v1/groups/g-1/policies": () => new Response(null, { status: 204 }) },
      at: "/admin/groups?group=g-1&tab=models",
    });
    expect(await screen.findByText("off: group SOC; ceiling: organisation on", {}, soon)).toBeTruthy();
    await userEvent.selectOptions(await screen.findByLabelText("Models: mock-large", {}, soon), "on");
    await waitFor(() => expect(asked.some((r) => r.method === "PUT")).toBe(true), soon);
    const put = asked.find((r) => r.method === "PUT");
    expect(await put?.json()).toEqual({ models: { default: "off", names: { "mock-large": "on" } } });
  });
  test("pasted addresses are shown before they are added", async () => {
    const { asked } = await renderPage(<Groups />, {
      session,
      answers: {
        ...answers,
        "POST /api/v1/groups/g-1/members/preview": { found: [{ ...ann, user_id: "u-2" }], already: [ann], unknown: ["eve@nowhere.test"] },
        "POST /api/v1/groups/g-1/members": () => new Response(null, { status: 204 }),
      },
      at: "/admin/groups?group=g-1&tab=members",
    });
    await userEvent.click(await screen.findByLabelText("Add members by e-mail address", {}, soon));
    await userEvent.paste("bob@acme.test");
    await userEvent.click(screen.getByRole("button", { name: "Check" }));
    expect(await screen.findByText(/1 address is of nobody here: eve@nowhere.test/, {}, soon)).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Add 1 member" }));
    await waitFor(() => expect(asked.some((r) => r.method === "POST" && r.url.endsWith("/members"))).toBe(true), soon);
    const added = asked.find((r) => r.method === "POST" && r.url.endsWith("/members"));
    expect(await added?.json()).toEqual({ members: ["u-2"] });
  });
  test("delete wants the name", async () => {
    await renderPage(<Groups />, { session, answers, at: "/admin/groups?group=g-1&tab=members" });
    await userEvent.click(await screen.findByRole("button", { name: "Delete group" }, soon));
    const act = (await screen.findAllByRole("button", { name: "Delete group" })).at(-1) as HTMLButtonElement;
    expect(act.disabled).toBe(true);
  });
});

test("a name that is free", () => {
  expect(freeName(["Group 2", "SOC"], (n) => `Group ${n}`)).toBe("Group 3");
  expect(freeName(["Group 3", "SOC"], (n) => `Group ${n}`)).toBe("Group 4");
});

test("what a group says of things", () => {
  expect(withState(undefined, "a", "on")).toEqual({ names: { a: "on" } });
  expect(withState({ names: { a: "on", b: "off" } }, "a", "")).toEqual({ names: { b: "off" } });
  expect(withState({ default: "off", names: {} }, "*", "")).toEqual({ names: {} });
  expect(withState({ providers: { p: "on" } }, "*", "off")).toEqual({ providers: { p: "on" }, default: "off" });
});
