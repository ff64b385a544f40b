import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import { Answer, refusal, renderPage, sessionOf, silence } from "@/test/render";
import Agent from "./Agent";
import type { WholeAgent } from "./calls";
import Agents from "./index";

const agent: WholeAgent = {
  id: "a-1", name: "Digest", description: "Sums up", owner: { id: "u-ann", name: "Ann" }, shared: false, models: ["m"], created_at: "2026-01-01T00:00:00Z",
  inputs: [{ name: "ticket", description: "As it came in" }], rights: ["view", "run", "edit", "delete", "share"], system_prompt: "Be brief.",
  steps: [{ name: "Sum up", model: "m", prompt: "Sum up {{ticket}}" }],
};
const list = "GET /api/v1/agents";
const session = sessionOf({ actions: ["agents.create", "agents.export", "runs.list"] });

describe("agents", () => {
  test("loading, nothing yet, no right", async () => {
    for (const [answer, seen] of [[silence, "Loading"], [{ agents: [] }, "There are no agents yet"], [refusal(403, "not you"), "You may not see this"]] as const) {
      const { unmount } = await renderPage(<Agents />, { at: "/agents", session, answers: { [list]: answer } });
      if (seen === "Loading") expect(await screen.findByRole("status", { name: seen })).toBeTruthy();
      else expect(await screen.findByText(seen)).toBeTruthy();
      unmount();
    }
  });

  test("a model that one may not use is told before the start", async () => {
    const at = { at: "/agents/a-1", route: "/agents/$id", session: sessionOf() };
    const unusable = [{ model: "m", why: "You may not use the model m, which your group SOC switches off." }];
    const { unmount } = await renderPage(<Agent />, { ...at, answers: { "GET /api/v1/agents/a-1": { ...agent, unusable } } });
    expect((await screen.findByRole("note")).textContent).toContain("which your group SOC switches off");
    unmount();
    await renderPage(<Agent />, { ...at, answers: { "GET /api/v1/agents/a-1": agent } });
    expect(await screen.findByRole("button", { name: "Run" })).toBeTruthy();
    expect(screen.queryByRole("note")).toBeNull();
  });

  test("nobody is offered what they may not do", async () => {
    await renderPage(<Agents />, { at: "/agents", session: sessionOf(), answers: { [list]: { agents: [] } } });
    expect(await screen.findByText(/shares one with you/)).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Import" })).toBeNull();
  });

  test("filters are of the address, and the server's", async () => {
    const { asked } = await renderPage(<Agents />, { at: "/agents?whose=mine&q=dig", session, answers: { [list]: { agents: [] } } });
    expect(await screen.findByText("Nothing matches")).toBeTruthy();
    const url = new URL(asked.find((r) => r.url.includes("/api/v1/agents?"))!.url);
    expect([url.searchParams.get("owner"), url.searchParams.get("q")]).toEqual(["u-ann", "dig"]);
  });

  test("an import shows what it would make before it asks", async () => {
    const answers = {
      [list]: { agents: [] }, "POST /api/v1/agents": { agent_id: "a-2" },
      "POST /api/v1/agents/preview": async (r: Request) => ({
        name: "New", description: "", models: ["m"], inputs: [], steps: [{ name: "", model: "m" }], missing_integrations: ["jira"],
        problems: (await r.text()).includes("bad") ? [{ field: "steps[0].llmStep.prompt", message: "is missing" }] : [],
      }),
    };
    const { router, asked } = await renderPage(<Agents />, { at: "/agents", session, answers });
    await userEvent.click((await screen.findAllByRole("button", { name: "Import" }))[0]!);
    const dialog = within(await screen.findByRole("dialog"));
    await userEvent.type(dialog.getByLabelText("Or its JSON"), "bad");
    await userEvent.click(dialog.getByRole("button", { name: "Look at it" }));
    expect(await dialog.findByText("steps[0].llmStep.prompt")).toBeTruthy();
    expect(dialog.getByText(/jira/)).toBeTruthy();
    await userEvent.clear(dialog.getByLabelText("Or its JSON"));
    await userEvent.type(dialog.getByLabelText("Or its JSON"), "good");
    await userEvent.click(dialog.getByRole("button", { name: "Look at it" }));
    expect(asked.some((r) => r.method === "POST" && r.url.endsWith("/agents"))).toBe(false);
    await userEvent.click(await dialog.findByRole("button", { name: "Import" }));
    await waitFor(() => expect(router.state.location.pathname).toBe("/agents/a-2"));
  });
});

describe("an agent", () => {
  const at = { at: "/agents/a-1", route: "/agents/$id", session };
  const answers = { "GET /api/v1/agents/a-1": agent, "GET /api/v1/runs": { runs: [] } };

  test("is run with its inputs, once", async () => {
    const { router, asked } = await renderPage(<Agent />, { ...at, answers: { ...answers, "POST /api/v1/agents/a-1/runs": new Answer(202, { id: "r-1" }) } });
    await userEvent.click(await screen.findByRole("button", { name: "Run" }));
    expect(screen.getByText("This input is needed.")).toBeTruthy();
    await userEvent.type(screen.getByLabelText("ticket"), "It does not print.");
    await userEvent.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(router.state.location.pathname).toBe("/runs/r-1"));
    const posts = asked.filter((r) => r.method === "POST");
    expect(posts).toHaveLength(1);
    expect(await posts[0]!.json()).toEqual({ inputs: { ticket: "It does not print." } });
    expect(posts[0]!.headers.get("Idempotency-Key")).toBeTruthy();
  });

  test("is deleted only when its name is typed", async () => {
    const { asked } = await renderPage(<Agent />, { ...at, answers: { ...answers, "DELETE /api/v1/agents/a-1": new Answer(204) } });
    await userEvent.click(await screen.findByRole("button", { name: "Actions for this agent" }));
    await userEvent.click(await screen.findByRole("menuitem", { name: "Delete" }));
    const dialog = within(await screen.findByRole("dialog"));
    expect((dialog.getByRole("button", { name: "Delete" }) as HTMLButtonElement).disabled).toBe(true);
    await userEvent.type(dialog.getByLabelText("Type Digest to confirm"), "Digest");
    await userEvent.click(dialog.getByRole("button", { name: "Delete" }));
    await waitFor(() => expect(asked.some((r) => r.method === "DELETE")).toBe(true));
  });

  test("who may only look is offered neither run nor delete", async () => {
    await renderPage(<Agent />, { ...at, session: sessionOf(), answers: { ...answers, "GET /api/v1/agents/a-1": { ...agent, rights: ["view"] } } });
    expect(await screen.findByText("Be brief.")).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Run" })).toBeNull();
  });

  test("a failure is told in place", async () => {
    await renderPage(<Agent />, { ...at, answers: { "GET /api/v1/agents/a-1": refusal(404, "Agent not found") } });
    expect(await screen.findByText("Agent not found")).toBeTruthy();
  });
});
