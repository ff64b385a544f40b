// Answers, runs and what is new in the trail are told as events. Those of an answer
// or a run are a numbered series that the server keeps: whoever has seen events up
// to N asks for those after N, from any tab and after any break, and nothing is lost
// or told twice. Only its last event ends a series: a connection that closes before
// it is a lost connection, never an end.

import { ApiError, open } from "./client";

export type ServerEvent = { id: string; name: string; data: string };

/** eventMax bounds one event: a whole message with its tool results fits. */
export const eventMax = 16 << 20;

/** EventReader turns bytes, cut anywhere, into events (WHATWG, section 9.2.6). */
export class EventReader {
  private readonly decoder = new TextDecoder("utf-8"); // drops a byte order mark
  private rest = "";
  private afterCR = false;
  private id = "";
  private name = "";
  private data: string[] = [];
  private size = 0;

  /** push returns the events that these bytes complete. */
  push(bytes: Uint8Array): ServerEvent[] {
    let text = this.decoder.decode(bytes, { stream: true });
    if (text === "") return [];
    const last = text.at(-1);
    if (this.afterCR && text[0] === "\n") text = text.slice(1); // the second half of CR LF
    this.afterCR = last === "\r";
    const lines = (this.rest + text).split(/\r\n|\n|\r/);
    this.rest = lines.pop() ?? "";
    if (this.rest.length + this.size > eventMax) throw new Error("an event is too large");
    return lines.flatMap((line) => this.line(line));
  }

  private line(line: string): ServerEvent[] {
    if (line === "") return this.dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return []; // a comment
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.name = value;
    if (field === "id" && !value.includes("\0")) this.id = value;
    if (field === "data") {
      this.data.push(value);
      this.size += value.length;
    }
    return [];
  }

  private dispatch(): ServerEvent[] {
    const event = { id: this.id, name: this.name || "message", data: this.data.join("\n") };
    const has = this.data.length > 0;
    this.name = "";
    this.data = [];
    this.size = 0;
    return has ? [event] : [];
  }
}

/** Opened is what a request for events got. */
export type Opened = { status: number; body: ReadableStream<Uint8Array> | null; retryAfter?: number };

/** openEvents opens the stream at a path; refusals are told by their status. */
export async function openEvents(path: string, signal: AbortSignal): Promise<Opened> {
  try {
    const response = await open(path, { signal, headers: { Accept: "text/event-stream" } });
    return { status: response.status, body: response.body };
  } catch (error) {
    if (error instanceof ApiError && error.status > 0) {
      return { status: error.status, body: null, ...(error.retryAfter ? { retryAfter: error.retryAfter } : {}) };
    }
    throw error;
  }
}

export type JoinOptions = {
  /** open asks for the events after seq, mostly by openEvents. It rejects when there is no connection. */
  open: (after: number, signal: AbortSignal) => Promise<Opened>;
  after: number;
  /** last is the event that ends the series; undefined: it has no end. */
  last: string | undefined;
  /** onEvents gets all events of one piece of the stream together, in order, each once. */
  onEvents: (events: ServerEvent[]) => void;
  onConnection?: (state: "joined" | "lost") => void;
  signal: AbortSignal;
  /** wait is replaced in tests. It ends early when the browser says that it is online again. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  silenceMax?: number;
  /** apartMin is how far two attempts to open are apart at least, in ms, however much was told: for what is recorded each time. */
  apartMin?: number;
};

/** silenceMax is how long a connection may say nothing, not even a ping, before it counts as lost. */
export const silenceMax = 45_000;

/** backOffMax bounds the pause between two attempts to join again. */
export const backOffMax = 10_000;

/** backOff is the pause after so many failures in a row. */
export function backOff(failures: number): number {
  return Math.min(250 * 2 ** Math.max(0, failures - 1), backOffMax);
}

/** Refused is an answer to open that another attempt would not change. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`the events were refused with status ${status}`);
    this.status = status;
  }
}

/**
 * joinEvents follows a series of events to its end, through any number of lost
 * connections. It returns after the final event, or when signal ends it, and
 * throws Refused for a status that will not get better by itself.
 */
export async function joinEvents(o: JoinOptions): Promise<void> {
  const wait = o.wait ?? pause;
  let after = o.after;
  let failures = 0;
  const seen = (events: ServerEvent[]): boolean => {
    const fresh = events.filter((e) => isAfter(e, after));
    for (const e of fresh) after = Math.max(after, Number(e.id) || after);
    if (fresh.length > 0) {
      failures = 0;
      o.onEvents(fresh);
    }
    return fresh.some((e) => e.name === o.last);
  };
  while (!o.signal.aborted) {
    let pauseMs = 0;
    const opening = Date.now();
    try {
      const opened = await o.open(after, o.signal);
      pauseMs = (opened.retryAfter ?? 0) * 1000;
      if (isLasting(opened.status)) throw new Refused(opened.status);
      if (opened.status === 200 && opened.body) {
        o.onConnection?.("joined");
        if (await readUntilEnd(opened.body, seen, o.signal, o.silenceMax ?? silenceMax)) return;
      }
    } catch (err) {
      if (o.signal.aborted) return;
      if (err instanceof Refused) throw err;
    }
    if (o.signal.aborted) return;
    o.onConnection?.("lost");
    failures++;
    const early = (o.apartMin ?? 0) - (Date.now() - opening);
    await wait(Math.max(backOff(failures), pauseMs, early), o.signal);
  }
}

/** isLasting: 408, 425 and 429 pass, and so does what is wrong with the server itself. */
function isLasting(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;
}

/** isAfter drops what a server repeats. An event without a number is taken as it comes. */
function isAfter(e: ServerEvent, after: number): boolean {
  const seq = Number(e.id);
  return e.id === "" || Number.isNaN(seq) || seq > after;
}

/** readUntilEnd says whether the final event came before the stream ended or fell silent. */
async function readUntilEnd(
  body: ReadableStream<Uint8Array>,
  seen: (events: ServerEvent[]) => boolean,
  signal: AbortSignal,
  silence: number,
): Promise<boolean> {
  const source = body.getReader();
  const reader = new EventReader();
  try {
    for (;;) {
      const piece = await within(source.read(), silence, signal);
      if (piece === "late" || piece.done) return false;
      if (seen(reader.push(piece.value))) return true;
    }
  } finally {
    source.cancel().catch(() => {}); // it may be broken already
  }
}

function within<T>(work: Promise<T>, ms: number, signal: AbortSignal): Promise<T | "late"> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve("late"), ms);
    const stop = () => resolve("late");
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    });
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}
