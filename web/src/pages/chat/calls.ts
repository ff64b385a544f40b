// What the pages of the chat ask of the server.

import { call, open } from "@/api/client";
import { newKey, once } from "@/api/once";
import { queryText } from "@/api/query";
import type { Conversation, Message } from "./message";

const base = "/api/v1/conversations";
const one = (id: string) => `${base}/${encodeURIComponent(id)}`;
const said = (id: string, message: string) => `${one(id)}/messages/${encodeURIComponent(message)}`;

export type ConversationsPage = { conversations: Conversation[]; next: string };

export const listConversations = (q: { q?: string; archived?: boolean; cursor?: string }, signal?: AbortSignal) =>
  call<ConversationsPage>("GET", base + queryText(q), undefined, signal ? { signal } : {});
export const createConversation = (model: string) => call<Conversation>("POST", base, { model });
export const getConversation = (id: string) => call<Conversation>("GET", one(id));
export const deleteConversation = (id: string) => call<void>("DELETE", one(id));
export const restoreConversation = (id: string) => call<Conversation>("POST", `${one(id)}/restore`);

export type ConversationChange = Partial<Pick<Conversation, "title" | "pinned" | "archived" | "folder" | "model" | "leaf">>;
export const changeConversation = (id: string, change: ConversationChange) => call<Conversation>("PATCH", one(id), change);

export type MessagesPage = { messages: Message[]; more: boolean };
export const listMessages = (id: string, at: { leaf?: string; before?: string } = {}) =>
  call<MessagesPage>("GET", `${one(id)}/messages${queryText(at)}`);

export type Upload = { name: string; type: string; data: string };
export type Question = { parent: string; text: string; model: string; attachments: Upload[] };
export type Sent = { message?: Message; answer: Message };

export const sendMessage = (id: string, question: Question, key: string) =>
  call<Sent>("POST", `${one(id)}/messages`, question, once(key));
export const regenerate = (id: string, message: string, model: string | undefined) =>
  call<Sent>("POST", `${said(id, message)}/regenerate`, model ? { model } : {}, once(newKey()));
export const continueAnswer = (id: string, message: string) =>
  call<Sent>("POST", `${said(id, message)}/continue`, undefined, once(newKey()));
export const stopAnswer = (id: string, message: string) => call<Message>("POST", `${said(id, message)}/stop`);
export const rateAnswer = (id: string, message: string, value: number) => call<void>("PUT", `${said(id, message)}/rating`, { value });
export const forkConversation = (id: string, message: string) => call<Conversation>("POST", `${one(id)}/fork`, { message });

export const eventsPath = (id: string, message: string, after: number) => `${said(id, message)}/events${queryText({ after })}`;

export async function readAttachment(id: string, file: string): Promise<Blob> {
  return (await open(`${one(id)}/attachments/${encodeURIComponent(file)}`)).blob();
}

export const exportPath = (id: string, format: "markdown" | "json") => `${one(id)}/export?format=${format}`;

export type Share = { id: string; conversation: string; title: string; created_at: string };
export type SharedMessage = Pick<Message, "role" | "state" | "text" | "reasoning" | "tool_calls" | "model" | "created_at"> & { files: string[] };
export type Snapshot = { id: string; title: string; user: string; mine: boolean; created_at: string; messages: SharedMessage[] };

export const shareConversation = (id: string, leaf: string) => call<Share>("POST", `${one(id)}/share`, { leaf });
export const listShares = () => call<Share[]>("GET", "/api/v1/shares");
export const getShare = (id: string) => call<Snapshot>("GET", `/api/v1/shares/${encodeURIComponent(id)}`);
export const revokeShare = (id: string) => call<void>("DELETE", `/api/v1/shares/${encodeURIComponent(id)}`);

export type Agent = { id: string; name: string; description: string; inputs: { name: string; description: string }[] };
export const listAgents = (q: string) => call<{ agents: Agent[] }>("GET", `/api/v1/agents${queryText({ q, limit: 20 })}`);
/** startRun starts an agent and adds its run to the conversation. */
export const startRun = (id: string, parent: string, agent: string, inputs: Record<string, string>, key: string) =>
  call<Message | { message: Message }>("POST", `${one(id)}/runs`, { parent, agent, inputs }, once(key));

export type RunState = "in_progress" | "success" | "failure" | "cancelled";
export type Run = {
  id: string;
  agent: { id: string; name: string; deleted: boolean };
  state: RunState;
  credits: string;
  steps: { name: string; state?: string; status?: string }[];
  result?: string;
  error?: { code: string; message: string };
};
export const getRun = (id: string) => call<Run>("GET", `/api/v1/runs/${encodeURIComponent(id)}`);
