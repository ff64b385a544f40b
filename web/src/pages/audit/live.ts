import { useEffect, useState } from "react";
import { open } from "@/api/client";
import type { components } from "@/api/schema";
import { EventReader } from "@/pages/chat/stream";
import { type Filter, queryText } from "./records";

export type Verification = components["schemas"]["VerificationView"];

export interface Live {
  /** Records of the filter that are newer than the list; at most 100. */
  count: number;
  verification: Verification | undefined;
}

/** How long to wait before the stream is opened again. */
const again = 5000;

/** Hears what is new after a record, and how the verification goes on. */
export function useLive(filter: Filter, after: number): Live {
  const [live, setLive] = useState<Live>({ count: 0, verification: undefined });
  const query = queryText({ ...filter, after: after || undefined });
  useEffect(() => {
    if (!after) return;
    const stop = new AbortController();
    setLive((l) => ({ ...l, count: 0 }));
    void (async () => {
      while (!stop.signal.aborted) {
        await listen(`/api/v1/audit/records/live${query}`, stop.signal, setLive).catch(() => {}); // the page says elsewhere what is wrong
        await new Promise((done) => setTimeout(done, again));
      }
    })();
    return () => stop.abort();
  }, [query, after]);
  return live;
}

async function listen(path: string, signal: AbortSignal, set: (change: (l: Live) => Live) => void): Promise<void> {
  const reader = (await open(path, { signal })).body?.getReader();
  const events = new EventReader();
  for (;;) {
    const piece = await reader?.read();
    if (!piece || piece.done) return;
    for (const event of events.push(piece.value)) {
      if (event.name === "new") set((l) => ({ ...l, count: (JSON.parse(event.data) as { count: number }).count }));
      if (event.name === "verification") set((l) => ({ ...l, verification: JSON.parse(event.data) as Verification }));
    }
  }
}
