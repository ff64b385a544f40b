import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactNode } from "react";
import { expect, test } from "vitest";
import { type Answers, renderPage, sessionOf, silence } from "@/test/render";
import Agents from "@/pages/agents";
import Api from "@/pages/api";
import Audit from "@/pages/audit";
import Chat from "@/pages/chat";
import Groups from "@/pages/groups";
import Limits from "@/pages/limits";
import Models from "@/pages/models";
import Runs from "@/pages/runs";
import Users from "@/pages/users";
import { useShortcuts } from "./shortcuts";

const session = sessionOf({
  actions: [
    "agents.create", "budgets.list", "budgets.set", "groups.list", "invites.create", "keys.create", "models.list_all", "models.save", "policies.set",
    "providers.save", "users.list",
  ],
});

const answers: Answers = {
  "GET /api/v1/agents": { agents: [] },
  "GET /api/v1/audit/records": silence,
  "GET /api/v1/audit/records/histogram": silence,
  "GET /api/v1/audit/searches": [],
  "GET /api/v1/audit/verifications": [],
  "GET /api/v1/budgets": [],
  "GET /api/v1/conversations": { conversations: [], next: "" },
  "GET /api/v1/conversations/c": silence,
  "GET /api/v1/conversations/c/messages": silence,
  "GET /api/v1/groups": [],
  "POST /api/v1/groups": { id: "g-1", name: "Group 1" },
  "GET /api/v1/keys": [],
  "GET /api/v1/limits/use": [],
  "GET /api/v1/models": [],
  "GET /api/v1/models/available": [],
  "GET /api/v1/models/rules": { new: "on" },
  "GET /api/v1/providers": [],
  "GET /api/v1/runs": { runs: [] },
  "GET /api/v1/users": { users: [] },
};

/** Presses a key outside of what is typed into: a chat begins in its composer. */
async function press(key: string): Promise<void> {
  (document.activeElement as HTMLElement).blur();
  await userEvent.keyboard(key);
}

function WithShortcuts({ children }: { children: ReactNode }) {
  useShortcuts(() => {});
  return <main>{children}</main>;
}

const show = (page: ReactNode, at: string, route?: string) =>
  renderPage(<WithShortcuts>{page}</WithShortcuts>, { at, session, answers, ...(route ? { route } : {}) });

test.each<[string, string, ReactNode]>([
  ["agents", "Import", <Agents />],
  ["keys", "Create key", <Api />],
  ["models", "Add model", <Models />],
  ["models?tab=providers", "Add provider", <Models />],
  ["limits", "Set limits", <Limits />],
  ["limits?tab=budgets", "Set a budget", <Limits />],
  ["users", "Invite", <Users />],
])("N on %s opens what %s opens", async (at, button, page) => {
  await show(page, `/${at}`);
  await screen.findAllByRole("button", { name: button });
  await press("n");
  await screen.findByRole("dialog");
});

test("N asks for the name of a new group", async () => {
  await show(<Groups />, "/groups");
  await screen.findByText("There are no groups");
  await press("n");
  await screen.findByRole("dialog", { name: "New group" });
});

test("N begins a chat", async () => {
  const { router } = await show(<Chat />, "/chat/c", "/chat/$id");
  await screen.findByRole("link", { name: "New chat" });
  await press("n");
  await waitFor(() => expect(router.state.location.pathname).toBe("/chat"));
});

test.each<[string, ReactNode]>([
  ["agents", <Agents />],
  ["audit", <Audit />],
  ["chat", <Chat />],
  ["runs", <Runs />],
  ["users", <Users />],
])("/ on %s goes to its search", async (at, page) => {
  await show(page, `/${at}`);
  await waitFor(() => expect(document.querySelector('[data-shortcut="search"]')).toBeTruthy());
  await press("/");
  expect((document.activeElement as HTMLElement).dataset.shortcut).toBe("search");
});
