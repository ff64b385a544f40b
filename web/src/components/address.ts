import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";

type Search = Record<string, string>;

/**
 * The part of the address behind "?", where a page keeps its filters, sort,
 * cursor, tab and open drawer. Setting a name to undefined or "" takes it out.
 * Filters replace the entry in the history; open a drawer with push, so that
 * Back closes it.
 */
export function useAddress(): [Search, (changed: Record<string, string | undefined>, how?: "push" | "replace") => void] {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const set = useCallback(
    (changed: Record<string, string | undefined>, how: "push" | "replace" = "replace") => {
      void navigate({
        to: ".",
        replace: how === "replace",
        resetScroll: false,
        search: (before: Search) => {
          const next = { ...before, ...changed };
          return Object.fromEntries(Object.entries(next).filter(([, value]) => value));
        },
      } as never);
    },
    [navigate],
  );
  return [search, set];
}

/** Search parameters are texts, one a name: what they mean is the page's business. */
export function parseSearch(text: string): Search {
  return Object.fromEntries(new URLSearchParams(text));
}

export function stringifySearch(search: Record<string, unknown>): string {
  const text = new URLSearchParams(
    Object.entries(search).flatMap(([name, value]) => (value === undefined || value === "" ? [] : [[name, String(value)]])),
  ).toString();
  return text && `?${text}`;
}

/** Goes to an address of the Terminal that may have a "?" part and a "#" part. */
export function useGo(): (address: string, how?: "push" | "replace") => Promise<void> {
  const navigate = useNavigate();
  return useCallback(
    (address, how = "push") => {
      const { pathname, search, hash } = new URL(address, "http://here");
      return navigate({ to: pathname, search: parseSearch(search), hash: hash.slice(1), replace: how === "replace" } as never);
    },
    [navigate],
  );
}
