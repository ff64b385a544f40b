import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import { refusal, renderPage, sessionOf, silence } from "@/test/render";
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
  "GET /api/v1/models": [{ id: "mock-large", provider: "mock" }, { id: "mock-small", provider: "mock" }],
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
  test("what another decided meanwhile is not undone, and is then shown", async () => {
    let read = 0;
    const { asked } = await renderPage(<Groups />, {
      session,
      answers: {
        ...answers,
        "GET /api/v1/groups/g-1/policies": () => ({ models: { default: read++ ? "on" : "off" }, version: `v${read}` }),
        "PUT /api/v1/groups/g-1/policies": refusal(409, "Somebody else has decided on models meanwhile"),
      },
      at: "/admin/groups?group=g-1&tab=models",
    });
    await userEvent.selectOptions(await screen.findByLabelText("Models: mock-large", {}, soon), "on");
    expect(await screen.findByText("Somebody else has decided on models meanwhile", {}, soon)).toBeTruthy();
    expect(await asked.find((r) => r.method === "PUT")?.json()).toEqual({ models: { default: "off", names: { "mock-large": "on" } }, version: "v1" });
    await waitFor(() => expect(screen.getByLabelText<HTMLSelectElement>("Models: All others").value).toBe("on"), soon);
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
    expect(await screen.findByText(/1 address belongs to no member: eve@nowhere.test/, {}, soon)).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Add 1 member" }));
    await waitFor(() => expect(asked.some((r) => r.method === "POST" && r.url.endsWith("/members"))).toBe(true), soon);
    const added = asked.find((r) => r.method === "POST" && r.url.endsWith("/members"));
    expect(await added?.json()).toEqual({ members: ["u-2"] });
  });
  test("a new group is asked its name, with a free one proposed, and then opened", async () => {
    const made = { ...soc, id: "g-2", name: "Testers" };
    let all = [soc];
    const { asked, router } = await renderPage(<Groups />, {
      session,
      answers: { ...answers, "GET /api/v1/groups": () => all, "POST /api/v1/groups": () => ((all = [soc, made]), made), "GET /api/v1/groups/g-2/members": [] },
      at: "/admin/groups",
    });
    const button = await screen.findByRole<HTMLButtonElement>("button", { name: "New group" }, soon);
    await waitFor(() => expect(button.disabled).toBe(false), soon);
    await userEvent.click(button);
    const name = await screen.findByLabelText<HTMLInputElement>("Name", {}, soon);
    expect(name.value).toBe("Group 2");
    expect(asked.some((r) => r.method === "POST")).toBe(false);
    await userEvent.clear(name);
    await userEvent.type(name, "Testers{Enter}");
    expect(await screen.findByRole("dialog", { name: "Testers" }, soon)).toBeTruthy();
    expect(await asked.find((r) => r.method === "POST")?.json()).toEqual({ name: "Testers" });
    expect(router.state.location.search).toEqual({ group: "g-2", tab: "members" });
  });
  test("delete wants the name", async () => {
    await renderPage(<Groups />, { session, answers, at: "/admin/groups?group=g-1&tab=members" });
    await userEvent.click(await screen.findByRole("button", { name: "Delete group" }, soon));
    const act = (await screen.findAllByRole("button", { name: "Delete group" })).at(-1) as HTMLButtonElement;
    expect(act.disabled).toBe(true);
  });
  test("a changed name is asked for before its drawer, or a tab of it, is left", async () => {
    const { router } = await renderPage(<Groups />, { session, answers, at: "/admin/groups?group=g-1&tab=members" });
    const name = await screen.findByLabelText<HTMLInputElement>("Name", {}, soon);
    const asks = () => screen.findByRole("dialog", { name: "Leave without saving?" }, soon);
    const gone = () => waitFor(() => expect(screen.queryByRole("dialog", { name: "Leave without saving?" })).toBeNull(), soon);
    await userEvent.type(name, " team");
    for (const go of [() => userEvent.click(screen.getByRole("tab", { name: "Permissions" })), () => userEvent.keyboard("{Escape}")]) {
      await go();
      await asks();
      await userEvent.click(screen.getByRole("button", { name: "Stay here" }));
      await gone();
      expect(screen.getByLabelText<HTMLInputElement>("Name").value).toBe("SOC team");
      expect(router.state.location.search).toEqual({ group: "g-1", tab: "members" });
    }
    await userEvent.click(screen.getByRole("tab", { name: "Permissions" }));
    await asks();
    await userEvent.click(screen.getByRole("button", { name: "Leave without saving" }));
    await waitFor(() => expect(router.state.location.search).toEqual({ group: "g-1", tab: "permissions" }), soon);
    expect(screen.getByLabelText<HTMLInputElement>("Name").value).toBe("SOC");
    await userEvent.keyboard("{Escape}"); // nothing is changed any more
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull(), soon);
  });
});

describe("Organisation", { timeout: 30_000 }, () => {
  const at = "/admin/groups?view=organisation";
  const may = sessionOf({ actions: ["groups.list", "organisation.policies"] });
  const read = "GET /api/v1/organisation/policies";
  const ceiling = {
    ...answers,
    [read]: { features: { file_upload: "off" }, models: { default: "by_group" } },
    "GET /api/v1/rights": {
      rights: [
        { area: "features", name: "agent_creation", allowed: true, ceiling: "on", text: "" },
        { area: "features", name: "file_upload", allowed: false, ceiling: "off", text: "" },
        { area: "models", name: "mock-large", allowed: true, ceiling: "by_group", text: "" },
      ],
      dlp: { mode: "enforce" },
    },
  };
  test("each right tells in words what its state means", async () => {
    await renderPage(<Groups />, { session: may, answers: ceiling, at });
    const row = async (name: RegExp) => (await screen.findByRole("row", { name }, soon)).textContent;
    expect(await row(/^File upload/)).toContain("Nobody, administrators included");
    expect(await row(/^mock-large/)).toContain("Members of a group that grants it, and administrators");
    expect(await row(/^Agent creation/)).toContain("who is in groups needs one that grants it");
    expect(screen.getByText("Nobody may, administrators included, whatever a group says.")).toBeTruthy();
  });
  test("a provider is left to groups, and the rest of the area stays", async () => {
    const { asked } = await renderPage(<Groups />, {
      session: may,
      answers: { ...ceiling, "PUT /api/v1/organisation/policies": () => new Response(null, { status: 204 }) },
      at,
    });
    await userEvent.selectOptions(await screen.findByLabelText("Providers of models: mock", {}, soon), "By group");
    await waitFor(() => expect(asked.some((r) => r.method === "PUT")).toBe(true), soon);
    expect(await asked.find((r) => r.method === "PUT")?.json()).toEqual({ models: { default: "by_group", providers: { mock: "by_group" } } });
  });
  test("one decision on models is made before the next, for each sends the whole area", async () => {
    const { asked } = await renderPage(<Groups />, { session: may, answers: { ...ceiling, "PUT /api/v1/organisation/policies": silence }, at });
    await userEvent.selectOptions(await screen.findByLabelText("Models: mock-large", {}, soon), "Off");
    await waitFor(() => expect(screen.getByLabelText<HTMLSelectElement>("Providers of models: mock").disabled).toBe(true), soon);
    expect(asked.filter((r) => r.method === "PUT")).toHaveLength(1);
  });
  test("a refused decision is told, and what was decided stands", async () => {
    await renderPage(<Groups />, { session: may, answers: { ...ceiling, "PUT /api/v1/organisation/policies": refusal(400, "too many names") }, at });
    const select = await screen.findByLabelText<HTMLSelectElement>("Permissions: File upload", {}, soon);
    await userEvent.selectOptions(select, "On");
    expect(await screen.findByText("too many names", {}, soon)).toBeTruthy();
    expect(select.value).toBe("off");
  });
  test("loading, refused and without the right", async () => {
    const loading = await renderPage(<Groups />, { session: may, answers: { ...ceiling, [read]: silence }, at });
    await screen.findByRole("status", { name: "Loading" }, soon);
    loading.unmount();
    const broken = await renderPage(<Groups />, { session: may, answers: { ...ceiling, [read]: refusal(500, "internal error") }, at });
    await screen.findByText("internal error", {}, soon);
    broken.unmount();
    await renderPage(<Groups />, { session, answers: ceiling, at });
    await screen.findByText("What the organisation switches off is decided with the role administrator.", {}, soon);
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
  expect(withState({ default: "off", providers: { p: "on" } }, "p", "", "providers")).toEqual({ default: "off", providers: {} });
  expect(withState({ providers: { p: "on" } }, "*", "off")).toEqual({ providers: { p: "on" }, default: "off" });
});
