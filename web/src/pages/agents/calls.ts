import { call, open } from "@/api/client";
import { queryText } from "@/api/query";
import type { RunState } from "@/pages/runs/calls";

export interface AgentInput {
  name: string;
  description: string;
}

export type Right = "view" | "run" | "edit" | "delete" | "share";

export interface Agent {
  id: string;
  name: string;
  description: string;
  owner: { id: string; name: string };
  shared: boolean;
  models: string[];
  /** Of these, those that I may not use now, and why: a run would be refused. */
  unusable?: { model: string; why: string }[];
  inputs: AgentInput[];
  created_at: string;
  last_run?: { id: string; state: RunState; created_at: string; ended_at: string | null };
  rights: Right[];
}

export interface AgentStep {
  name: string;
  model: string;
  prompt: string;
  max_tokens?: number;
}

export type WholeAgent = Agent & { system_prompt: string; steps: AgentStep[] };

export interface Preview {
  name: string;
  description: string;
  models: string[];
  inputs: AgentInput[];
  steps: { name: string; model: string }[];
  missing_integrations: string[];
  problems: { field: string; message: string }[];
}

const one = (id: string) => `/api/v1/agents/${encodeURIComponent(id)}`;

export const listAgents = (query: Parameters<typeof queryText>[0]) => call<{ agents: Agent[]; next?: string }>("GET", `/api/v1/agents${queryText(query)}`);
export const getAgent = (id: string) => call<WholeAgent>("GET", one(id));
export const shareAgent = (id: string, shared: boolean) => call<void>("PUT", `${one(id)}/shared`, { shared });
export const duplicateAgent = (id: string) => call<{ agent_id: string }>("POST", `${one(id)}/duplicate`);
export const deleteAgent = (id: string) => call<void>("DELETE", one(id));
export const agentFile = (id: string) => `${one(id)}/export`;

/** The server reads the file itself and says all that is wrong with it: it is sent as it is. */
const file = (text: string): RequestInit => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: text });
export const previewAgent = async (text: string) => (await (await open("/api/v1/agents/preview", file(text))).json()) as Preview;
export const importAgent = async (text: string) => (await (await open("/api/v1/agents", file(text))).json()) as { agent_id: string };
