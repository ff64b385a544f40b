import { call } from "@/api/client";
import { once } from "@/api/once";
import { queryText } from "@/api/query";

export type RunState = "in_progress" | "success" | "failure" | "cancelled";
export type StepState = RunState | "pending" | "skipped";
export type StartKind = "api" | "terminal" | "chat" | "command_line";

export const runStates: RunState[] = ["in_progress", "success", "failure", "cancelled"];
export const startKinds: StartKind[] = ["api", "terminal", "chat", "command_line"];

export interface Run {
  id: string;
  agent: { id: string; name: string; deleted: boolean };
  state: RunState;
  start: StartKind;
  user: { id: string; name: string };
  created_at: string;
  ended_at: string | null;
  credits: string;
}

export interface Attempt {
  n: number;
  call: string;
  begun_at: string;
  ended_at: string | null;
  code?: string;
  credits: string;
}

export interface Step {
  index: number;
  name: string;
  model: string;
  state: StepState;
  begun_at: string | null;
  ended_at: string | null;
  credits: string;
  system?: string;
  prompt?: string;
  prompt_cut?: boolean;
  output?: string;
  attempts: Attempt[];
}

export type WholeRun = Run & {
  inputs: Record<string, string>;
  text?: string;
  steps: Step[];
  result?: string;
  error?: { code: string; message: string };
};

const one = (id: string) => `/api/v1/runs/${encodeURIComponent(id)}`;

export const listRuns = (query: Parameters<typeof queryText>[0]) => call<{ runs: Run[]; next?: string }>("GET", `/api/v1/runs${queryText(query)}`);
export const getRun = (id: string) => call<WholeRun>("GET", one(id));
export const cancelRun = (id: string) => call<void>("POST", `${one(id)}/cancel`);
export const rerun = (id: string, key: string) => call<Run>("POST", `${one(id)}/rerun`, undefined, once(key));
export const startRun = (agent: string, inputs: Record<string, string>, text: string, key: string) =>
  call<Run>("POST", `/api/v1/agents/${encodeURIComponent(agent)}/runs`, { inputs, ...(text && { text }) }, once(key));
export const eventsPath = (id: string, after: number) => `${one(id)}/events?after=${after}`;
