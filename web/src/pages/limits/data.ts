import { useQuery } from "@tanstack/react-query";
import { api, ask, call } from "@/api/client";
import { queryText } from "@/api/query";
import type { components } from "@/api/schema";
import { useChange } from "@/api/useChange";
import { t } from "@/messages";

export type Limit = components["schemas"]["LimitView"];
export type Budget = components["schemas"]["BudgetView"];
export type UserLimits = components["schemas"]["UserLimits"];

export type Scope = "organisation" | "group" | "user" | "key" | "model" | "agent";

/** How often the present use is looked at again. */
const refresh = 10_000;

export const useLimits = () => useQuery({ queryKey: ["limits"], queryFn: () => call<Limit[]>("GET", "/api/v1/limits/use"), refetchInterval: refresh });
export const useBudgets = () => useQuery({ queryKey: ["budgets"], queryFn: () => call<Budget[]>("GET", "/api/v1/budgets"), refetchInterval: refresh });
export const useUserLimits = (id: string | undefined) =>
  useQuery({ queryKey: ["limits", "user", id], enabled: !!id, queryFn: () => call<UserLimits>("GET", `/api/v1/users/${encodeURIComponent(id ?? "")}/limits`) });

interface Named { id: string; name: string }

/** The server gives users and agents in pages of at most so many. */
const pageMax = 200;

/** At most so many are offered for choice; a list that is longer helps nobody. */
const offeredMax = 5000;

/** All that the pages of a list have, up to offeredMax. */
async function everyPage<T>(read: (query: { limit: number; cursor?: string }) => Promise<{ items: T[] | null; next?: string | undefined }>): Promise<T[]> {
  const all: T[] = [];
  for (let cursor: string | undefined; cursor !== "" && all.length < offeredMax; ) {
    const page = await read({ limit: pageMax, ...(cursor ? { cursor } : {}) });
    all.push(...(page.items ?? []));
    cursor = page.next ?? "";
  }
  return all;
}

/** Where the things of a scope are listed, and what they are called there. */
const sources: Record<Exclude<Scope, "organisation">, () => Promise<Named[]>> = {
  group: async () => (await ask(api.GET("/api/v1/groups"))) ?? [],
  user: async () =>
    (await everyPage(async (query) => {
      const page = await ask(api.GET("/api/v1/users", { params: { query } }));
      return { items: page.users, next: page.next };
    })).map((u) => ({ id: u.id, name: u.email })),
  key: async () => ((await ask(api.GET("/api/v1/keys"))) ?? []).map((k) => ({ id: k.id, name: `${k.name} (${k.prefix}…)` })),
  model: async () => ((await ask(api.GET("/api/v1/models"))) ?? []).map((m) => ({ id: m.id, name: m.display_name })),
  agent: () =>
    everyPage(async (query) => {
      const page = await ask(api.GET("/api/v1/agents", { params: { query } }));
      return { items: page.agents, next: page.next };
    }),
};

export const useSubjects = (scope: Scope) =>
  useQuery({ queryKey: ["subjects", scope], enabled: scope !== "organisation", queryFn: () => (scope === "organisation" ? Promise.resolve([]) : sources[scope]()) });

export const useLimitChange = <Input, Output>(change: (input: Input) => Promise<Output>) => useChange(change, ["limits"], ["budgets"]);

export interface Rates { requests_per_minute: number; tokens_per_minute: number; concurrent: number }

const at = (scope: string, id: string | undefined) => queryText({ scope, id });
const budgetAt = ({ scope, subject, period }: { scope: string; subject?: string | undefined; period: string }) => queryText({ scope, subject, period });

export const setLimits = ({ scope, id, rates }: { scope: string; id?: string; rates: Rates }) => call("PUT", `/api/v1/limits${at(scope, id)}`, rates);
export const removeLimits = (l: Limit) => call("DELETE", `/api/v1/limits${at(l.scope, l.id)}`);
export const setBudget = ({ limit, ...b }: { scope: string; subject?: string; period: string; limit: string }) => call("PUT", `/api/v1/budgets${budgetAt(b)}`, { limit });
export const removeBudget = (b: Budget) => call("DELETE", `/api/v1/budgets${budgetAt(b)}`);

/** Whose limits they are, in words. */
export function whose(l: Limit): string {
  if (l.scope === "organisation") return t("limits.wholeOrganisation");
  if (l.id) return l.name ?? l.id;
  return t(l.scope === "user" ? "limits.everyUser" : "limits.everyKey");
}

export const limitId = (l: Limit) => `${l.scope}/${l.id ?? ""}`;
export const budgetId = (b: Budget) => `${b.scope}/${b.subject ?? ""}/${b.period}`;
