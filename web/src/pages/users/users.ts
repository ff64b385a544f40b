import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api, ask } from "@/api/client";
import type { components } from "@/api/schema";

export type User = components["schemas"]["UserView"];
export type Role = User["role"];
export type State = User["state"];

export const roles: Role[] = ["user", "agent_creator", "administrator"];
export const states: State[] = ["active", "deactivated"];

export interface UserFilter {
  q?: string;
  role?: Role;
  state?: State;
  group?: string;
}

/** The filter that an address has; what it cannot be is left out. */
export function filterOf(address: Record<string, string>): UserFilter {
  const { q, role, state, group } = address;
  return {
    ...(q ? { q } : {}),
    ...(roles.includes(role as Role) ? { role: role as Role } : {}),
    ...(states.includes(state as State) ? { state: state as State } : {}),
    ...(group ? { group } : {}),
  };
}

const pageSize = 100;

export function useUsers(filter: UserFilter) {
  return useInfiniteQuery({
    queryKey: ["users", filter],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      ask(api.GET("/api/v1/users", { params: { query: { ...filter, limit: pageSize, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    getNextPageParam: (page) => page.next || undefined,
  });
}

export function useInvites(enabled: boolean) {
  return useQuery({ queryKey: ["invites"], queryFn: () => ask(api.GET("/api/v1/invites")), enabled });
}

export function useGroupNames(enabled: boolean) {
  return useQuery({ queryKey: ["groups"], queryFn: () => ask(api.GET("/api/v1/groups")), enabled });
}

/** The most addresses that are invited at once. */
export const inviteMax = 100;

/** The addresses in a pasted text, each once: "Ann <ann@acme.test>, bob@acme.test". */
export function addressesIn(text: string): string[] {
  const found = text.split(/[\s,;<>"]+/).filter((word) => word.includes("@"));
  return [...new Set(found.map((word) => word.toLowerCase()))];
}
