import { useSyncExternalStore } from "react";
import { open, setHooks } from "./api/client";

/** How the server was last heard of. */
interface Connection {
  /** It could not be reached the last time. */
  lost: boolean;
  /** When it last answered. */
  heard: Date | undefined;
}

let state: Connection = { lost: false, heard: undefined };
const listeners = new Set<() => void>();

/** After a failure the server is asked again: at once is too soon, a minute too late. */
const waitFirst = 1000;
const waitMost = 30_000;
let wait = waitFirst;
let timer: ReturnType<typeof setTimeout> | undefined;

function heard(at: Date | undefined): void {
  if (at) {
    clearTimeout(timer);
    timer = undefined;
    wait = waitFirst;
    const was = state.lost;
    state = { lost: false, heard: at };
    if (was) tell();
    return;
  }
  if (!state.lost) {
    state = { ...state, lost: true };
    tell();
  }
  timer ??= setTimeout(probe, wait);
}

function probe(): void {
  timer = undefined;
  wait = Math.min(wait * 2, waitMost);
  open("/healthz").catch(() => {}); // the answer, or that there was none, is heard of above
}

function tell(): void {
  for (const listener of listeners) listener();
}

setHooks({ reached: heard });
addEventListener("online", () => timer && probe());

/** Whether the server answers, and since when not. */
export function useConnection(): Connection {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}

/** Calls f when the server is there again. */
export function onReturn(f: () => void): () => void {
  let was = state.lost;
  const listener = () => {
    if (was && !state.lost) f();
    was = state.lost;
  };
  listeners.add(listener);
  return () => listeners.delete(listener);
}
