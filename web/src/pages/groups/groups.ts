import { call } from "@/api/client";

export interface Group {
  id: string;
  name: string;
  created_at: string;
}

export interface Member {
  user_id: string;
  email: string;
  name: string;
  role: string;
}

/** What is said of a thing; by_group is the organisation's alone, "" is nothing. */
export type State = "on" | "by_group" | "off" | "";

export interface Things {
  default?: State;
  names?: Record<string, State>;
  /** Of models: what is said of the model groups. */
  groups?: Record<string, State>;
  providers?: Record<string, State>;
}

export type Area = "integrations" | "models" | "tools";

export interface Policies {
  integrations?: Things;
  models?: Things;
  tools?: Things;
  features?: Record<string, State>;
  dlp?: { mode: string; [rule: string]: unknown };
  /** What was read; sent back, a change is refused that would undo somebody else's. */
  version?: string;
}

export interface Right {
  area: string;
  name: string;
  allowed: boolean;
  /** What the organisation says, all told. */
  ceiling: Exclude<State, "">;
  text: string;
}

export interface Effective {
  rights: Right[];
  dlp: { mode: string };
}

export interface Pasted {
  found: Member[];
  already: Member[];
  unknown: string[];
}

export const features = ["agent_creation", "file_upload", "api_key_access"] as const;

/** Stands for the things of an area that nobody has named. */
export const others = "*";

const path = (id: string, part = "") => `/api/v1/groups/${encodeURIComponent(id)}${part}`;

export const groups = () => call<Group[]>("GET", "/api/v1/groups");
export const create = (name: string) => call<Group>("POST", "/api/v1/groups", { name });
export const rename = (id: string, name: string) => call("PUT", path(id), { name });
export const remove = (id: string) => call("DELETE", path(id));
export const members = (id: string) => call<Member[]>("GET", path(id, "/members"));
export const preview = (id: string, emails: string) => call<Pasted>("POST", path(id, "/members/preview"), { emails });
export const add = (id: string, users: string[]) => call("POST", path(id, "/members"), { members: users });
export const drop = (id: string, user: string) => call("DELETE", path(id, `/members/${encodeURIComponent(user)}`));
export const policies = (id: string) => call<Policies>("GET", path(id, "/policies"));
export const decide = (id: string, decided: Policies) => call("PUT", path(id, "/policies"), decided);
export const effective = (id: string) => call<Effective>("GET", path(id, "/effective"));
export const ceiling = () => call<Policies>("GET", "/api/v1/organisation/policies");
export const decideCeiling = (decided: Policies) => call("PUT", "/api/v1/organisation/policies", decided);
export const ownRights = () => call<Effective>("GET", "/api/v1/rights");

/** The first "Group n" that no group has. */
export function freeName(taken: string[], name: (n: number) => string): string {
  let n = taken.length + 1;
  while (taken.includes(name(n))) n++;
  return name(n);
}

/** What is said of things once one of them, or one of their model groups or providers, is said otherwise; "" takes it back. */
export function withState(things: Things | undefined, name: string, state: State, kind: "names" | "groups" | "providers" = "names"): Things {
  if (name === others) {
    const { default: _, ...rest } = things ?? {};
    return state ? { ...rest, default: state } : rest;
  }
  const { [name]: _, ...named } = things?.[kind] ?? {};
  return { ...things, [kind]: state ? { ...named, [name]: state } : named };
}
