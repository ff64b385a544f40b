import { call } from "@/api/client";

/** A key as the server lists it; what opens doors with it is shown once, when it is made. */
export interface Key {
  id: string;
  name: string;
  prefix: string;
  user_id: string;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  used_at?: string | null;
}

export interface NewKey {
  key: Key;
  api_key: string;
}

export interface KeyRequest {
  name: string;
  expires_at?: string;
  limits?: { requests_per_minute: number; tokens_per_minute: number; concurrent?: number };
  budgets?: { period: string; limit: string }[];
}

export const keysQuery = {
  queryKey: ["keys"],
  queryFn: async () => (await call<Key[] | null>("GET", "/api/v1/keys")) ?? [],
};

export const createKey = (request: KeyRequest) => call<NewKey>("POST", "/api/v1/keys", request);

export const revokeKey = (id: string) => call("DELETE", `/api/v1/keys/${id}`);

export type KeyState = "active" | "expired" | "revoked";

export function stateOf(key: Key, now: Date): KeyState {
  if (key.revoked_at) return "revoked";
  return key.expires_at && new Date(key.expires_at) <= now ? "expired" : "active";
}

/** What the form asks for, in the words of the API: what was left empty is not sent. */
export function requestOf(form: FormData, now: Date): KeyRequest {
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const days = Number(text("days"));
  const [requests, tokens, concurrent] = ["requests", "tokens", "concurrent"].map((name) => Number(text(name)));
  const request: KeyRequest = { name: text("name") };
  if (days > 0) request.expires_at = new Date(now.getTime() + days * 24 * 3600_000).toISOString();
  if (requests || tokens || concurrent) {
    request.limits = { requests_per_minute: requests ?? 0, tokens_per_minute: tokens ?? 0, ...(concurrent ? { concurrent } : {}) };
  }
  if (text("budget")) request.budgets = [{ period: text("period"), limit: text("budget") }];
  return request;
}
