import { useEffect, useState } from "react";
import { joinEvents, openEvents, type ServerEvent } from "@/api/events";
import { queryText } from "@/api/query";
import type { components } from "@/api/schema";
import { useSessionState } from "@/session";
import type { Filter } from "./records";

export type Verification = components["schemas"]["VerificationView"];

export interface Live {
  /** Records of the filter that are newer than the list; at most 100. */
  count: number;
  verification: Verification | undefined;
}

const nothing: Live = { count: 0, verification: undefined };

/**
 * Each opening is recorded, and tells something at once, so that a proxy that cuts
 * early would have the page open again and again, four times a second.
 */
const openingsApart = 5_000;

/** Hears what is new after a record, and how the verification goes on. */
export function useLive(filter: Filter, after: number): Live {
  const [live, setLive] = useState(nothing);
  const { ended } = useSessionState();
  const query = queryText({ ...filter, after: after || undefined });
  useEffect(() => {
    if (!after) setLive(nothing); // a verification that was told of would never end
    if (!after || ended) return;
    const stop = new AbortController();
    setLive((l) => ({ ...l, count: 0 }));
    void joinEvents({
      open: (_, signal) => openEvents(`/api/v1/audit/records/live${query}`, signal),
      after: 0,
      last: undefined,
      apartMin: openingsApart,
      signal: stop.signal,
      onEvents: (events) => setLive((l) => events.reduce(told, l)),
    }).catch(() => {}); // the page says elsewhere what is wrong
    return () => stop.abort();
  }, [query, after, ended]);
  return live;
}

function told(live: Live, event: ServerEvent): Live {
  if (event.name === "new") return { ...live, count: (JSON.parse(event.data) as { count: number }).count };
  return event.name === "verification" ? { ...live, verification: JSON.parse(event.data) as Verification } : live;
}
