import { useCallback, useEffect, useRef, useState } from "react";
import { call } from "@/api/client";
import { queryText } from "@/api/query";
import type { Filter, Page } from "./records";
import { type Ask, emptyWindow, grown, parametersOf, type Window, wanted } from "./window";

export interface Records {
  window: Window;
  /** Another number for each list that is begun anew, which the reader sees from its top. */
  list: number;
  /** No page has come yet. */
  pending: boolean;
  loading: boolean;
  error: unknown;
  onRange: (first: number, last: number) => void;
  /** Searches on where the search stopped. */
  searchOn: () => void;
  /** Begins anew, with what is new. */
  restart: () => void;
}

/** The records of a filter around what is in view. total is how many there are, once that is known. */
export function useWindow(filter: Filter, total: number | undefined): Records {
  const key = queryText(filter);
  const [state, setState] = useState({ key, window: emptyWindow, list: 0, pending: true });
  const [loading, setLoading] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [life, setLife] = useState(0);
  const latest = useRef(state);
  latest.current = state;
  /** The newest load, which alone counts, and whether it is under way. */
  const busy = useRef(0);
  const asking = useRef(false);
  const range = useRef<[number, number]>([0, 0]);

  const load = useCallback(
    async (ask: Ask, from: Window, anew = false) => {
      const mine = ++busy.current;
      asking.current = true;
      setLoading(true);
      try {
        const page = await call<Page>("GET", `/api/v1/audit/records${queryText({ ...filter, ...parametersOf(ask, from.top) })}`);
        if (busy.current !== mine) return;
        const window = grown(from, ask, page);
        setError(null);
        setState((s) => ({ key, window, list: anew ? mine : s.list, pending: false }));
      } catch (failure) {
        if (busy.current !== mine) return;
        setError(failure);
        // Rows of another search would stand there as those of this one.
        setState((s) => ({ ...s, key, window: s.key === key ? s.window : emptyWindow, pending: false }));
      } finally {
        if (busy.current === mine) {
          asking.current = false;
          setLoading(false);
        }
      }
    },
    // The filter is in the key.
    [key],
  );

  useEffect(() => {
    setState((s) => ({ ...s, pending: s.window.rows.length === 0 }));
    void load({ kind: "newest" }, emptyWindow, true);
  }, [load, life]);

  useEffect(() => {
    if (total === undefined) return;
    setState((s) => (s.window.atOldest || s.window.total >= total ? s : { ...s, window: { ...s.window, total } }));
  }, [total, state.window.rows]);

  const look = useCallback(() => {
    if (asking.current) return;
    const { window } = latest.current;
    const ask = wanted(window, range.current[0], Math.min(range.current[1], Math.max(window.total - 1, 0)));
    if (ask) void load(ask, window);
  }, [load]);
  useEffect(() => {
    if (!error) look();
  }, [state.window, look, error]);

  return {
    window: state.window,
    list: state.list,
    pending: state.pending,
    loading,
    error,
    onRange: useCallback((first, last) => { range.current = [first, last]; look(); }, [look]),
    searchOn: () => void load({ kind: "older", before: state.window.searched }, { ...state.window, searched: 0 }),
    restart: useCallback(() => setLife((n) => n + 1), []),
  };
}
