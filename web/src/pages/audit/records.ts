import type { components } from "@/api/schema";
import { t } from "@/messages";

export type Page = components["schemas"]["RecordPage"];
export type Names = Page["names"];

/** What the pages read of a record; the server keeps more. */
export interface AuditRecord {
  org_seq: number;
  event_id: string;
  phase: string;
  time: string;
  actor: { type: string; user_id?: string; key_id?: string; key_prefix?: string; role?: string };
  action: string;
  route?: string;
  resource?: string;
  call_id?: string;
  run_id?: string;
  request_id?: string;
  model_requested?: string;
  model_used?: string;
  provider?: string;
  outcome?: string;
  status?: number;
  error_code?: string;
  latency_ms?: number;
  tokens?: { input: number; output: number };
  cost?: { charge_micros?: number };
  dlp?: { action?: string; counts?: Record<string, number> };
  change?: unknown;
  damaged?: string;
}

/** A record of the list. */
export interface Row {
  seq: number;
  hash: string;
  record: AuditRecord;
}

/** The parts of a search, which stand in the address and in saved searches. */
export const filterNames = [
  "phase", "action", "outcome", "code", "actor", "key", "model", "route", "finding", "resource", "run", "request", "call", "address", "since", "until",
] as const;

export type FilterName = (typeof filterNames)[number];
export type Filter = Partial<Record<FilterName, string>>;

export function filterOf(search: Record<string, string>): Filter {
  return Object.fromEntries(filterNames.flatMap((name) => (search[name] ? [[name, search[name]]] : []))) as Filter;
}

/** Who did it, as a person reads it. */
export function actorText(record: AuditRecord, names: Names): string {
  const { actor } = record;
  const user = actor.user_id ? names[`user/${actor.user_id}`] : undefined;
  return user?.name || user?.detail || actor.key_prefix || actor.user_id || actor.type;
}

/** The model that answered, and the one that was asked for where that is another; a refusal has the latter alone. */
export function modelText({ model_requested: asked, model_used: used, provider }: AuditRecord): string {
  const by = provider ? `, ${provider}` : "";
  if (!used) return asked ? `${asked}${by}` : "";
  return asked && asked !== used ? t("audit.modelAsked", { used: `${used}${by}`, asked }) : `${used}${by}`;
}

/** How it ended, in a word. */
export function endText(record: AuditRecord): string {
  return record.error_code || record.outcome || record.phase;
}

export function toneOf(record: AuditRecord): "ok" | "warn" | "bad" | "neutral" {
  if (record.damaged) return "bad";
  if (record.phase === "refusal" || record.outcome === "blocked") return "warn";
  if (record.error_code || record.outcome === "failure" || record.outcome === "interrupted") return "bad";
  return record.outcome === "success" ? "ok" : "neutral";
}
