import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { joinEvents, openEvents } from "@/api/events";
import { useSessionState } from "@/session";
import { apply, begin, type Live } from "./apply";
import { eventsPath, getRun, type WholeRun } from "./calls";

export const runKey = (id: string) => ["run", id];

/**
 * A run as it is now. One that goes on is followed by its events, from its
 * beginning: after a reload, a lost connection or a restart of the server the
 * page shows the same.
 */
export function useRun(id: string) {
  const queries = useQueryClient();
  const query = useQuery({ queryKey: runKey(id), queryFn: () => getRun(id) });
  const [live, setLive] = useState<Live | null>(null);
  const [lost, setLost] = useState(false);
  const goesOn = query.data?.state === "in_progress";
  const { ended } = useSessionState();
  useEffect(() => {
    if (!goesOn || ended) return; // joined again after signing in again
    const stop = new AbortController();
    const first = queries.getQueryData<WholeRun>(runKey(id));
    if (first) setLive(begin(first));
    void joinEvents({
      open: (after, signal) => openEvents(eventsPath(id, after), signal),
      after: 0,
      last: "run",
      signal: stop.signal,
      onEvents: (events) => setLive((now) => now && apply(now, events)),
      onConnection: (state) => setLost(state === "lost"),
    })
      .catch(() => {}) // refused: the query tells why
      .finally(() => {
        if (stop.signal.aborted) return;
        setLost(false);
        void queries.invalidateQueries({ queryKey: runKey(id) });
        void queries.invalidateQueries({ queryKey: ["runs"] });
      });
    return () => stop.abort();
  }, [id, goesOn, ended, queries]);
  const shown = query.data && (goesOn && live?.run.id === id ? live : begin(query.data));
  return { query, live: shown, lost: lost && goesOn };
}
