import { describe, expect, it, vi } from "vitest";
import { backOff, backOffMax, EventReader, joinEvents, Refused, type Opened, type ServerEvent } from "./events";

const bytes = (text: string) => new TextEncoder().encode(text);

const wire =
  "\uFEFF: ping\r\n\r\nid: 1\r\nevent: text\r\ndata: {\"delta\":\"Grüße 👋\"}\r\n\r\n" +
  "id: 2\nevent: text\ndata: a\ndata:b\ndata:  c\n\n: ping\n\n" +
  "id: 3\revent: reasoning\rdata: x\r\r" +
  "event: nothing\n\nid: 4\nretry: 10\nunknown\ndata\n\ndata: {}\nid: 5\nevent: message\n\n";

const events: ServerEvent[] = [
  { id: "1", name: "text", data: '{"delta":"Grüße 👋"}' },
  { id: "2", name: "text", data: "a\nb\n c" },
  { id: "3", name: "reasoning", data: "x" },
  { id: "4", name: "message", data: "" },
  { id: "5", name: "message", data: "{}" },
];

function read(pieces: Uint8Array[]): ServerEvent[] {
  const reader = new EventReader();
  return pieces.flatMap((p) => reader.push(p));
}

describe("EventReader", () => {
  const all = bytes(wire);

  it("reads the same events at every cut in two", () => {
    for (let at = 0; at <= all.length; at++) {
      expect(read([all.slice(0, at), all.slice(at)]), `cut at ${at}`).toEqual(events);
    }
  });

  it("reads the same events at every cut in three", () => {
    for (let a = 0; a <= all.length; a++) {
      for (let b = a; b <= all.length; b++) {
        const got = read([all.slice(0, a), all.slice(a, b), all.slice(b)]);
        if (JSON.stringify(got) !== JSON.stringify(events)) expect.fail(`cut at ${a} and ${b}: ${JSON.stringify(got)}`);
      }
    }
  });

  it("reads the same events byte by byte", () => {
    expect(read([...all].map((b) => Uint8Array.of(b)))).toEqual(events);
  });

  it("gives nothing for an event whose end has not come", () => {
    expect(read([bytes("id: 9\nevent: message\ndata: {}\n")])).toEqual([]);
  });

  it("refuses an event without bound", () => {
    const reader = new EventReader();
    const mega = bytes("x".repeat(1 << 20));
    expect(() => {
      for (let i = 0; i < 20; i++) reader.push(mega);
    }).toThrow("too large");
  });
});

const text = (seq: number, delta: string) => `id: ${seq}\nevent: text\ndata: {"delta":"${delta}"}\n\n`;
const end = (seq: number) => `id: ${seq}\nevent: message\ndata: {"state":"done"}\n\n`;

function answer(...pieces: string[]): Opened {
  const body = new ReadableStream<Uint8Array>({
    start(c) {
      for (const p of pieces) c.enqueue(bytes(p));
      c.close();
    },
  });
  return { status: 200, body };
}

/** follow joins a scripted server: each attempt to open takes the next step. */
async function follow(steps: (() => Opened | Promise<Opened>)[], after = 0) {
  const asked: number[] = [];
  const got: ServerEvent[] = [];
  const waited: number[] = [];
  const connection: string[] = [];
  const control = new AbortController();
  await joinEvents({
    open: async (from) => {
      asked.push(from);
      const step = steps.shift();
      if (!step) throw new Error("asked once too often");
      return step();
    },
    after,
    last: "message",
    onEvents: (e) => got.push(...e),
    onConnection: (s) => connection.push(s),
    signal: control.signal,
    wait: async (ms) => {
      waited.push(ms);
      if (waited.length > 50) control.abort();
    },
  });
  return { asked, got, waited, connection };
}

describe("joinEvents", () => {
  it("ends with the final message and asks no more", async () => {
    const r = await follow([() => answer(text(1, "a"), end(2))]);
    expect(r.asked).toEqual([0]);
    expect(r.got.map((e) => e.name)).toEqual(["text", "message"]);
  });

  it("takes a stream that closes without the final message for a lost connection", async () => {
    const r = await follow([() => answer(text(1, "a"), text(2, "b")), () => answer(text(3, "c"), end(4))]);
    expect(r.asked).toEqual([0, 2]);
    expect(r.got.map((e) => e.id)).toEqual(["1", "2", "3", "4"]);
    expect(r.connection).toEqual(["joined", "lost", "joined"]);
  });

  it("goes on from where a page that was loaded ended", async () => {
    const r = await follow([() => answer(text(8, "c"), end(9))], 7);
    expect(r.asked).toEqual([7]);
  });

  it("drops what is told twice", async () => {
    const r = await follow([() => answer(text(1, "a")), () => answer(text(1, "a"), text(2, "b"), end(3))]);
    expect(r.got.map((e) => e.id)).toEqual(["1", "2", "3"]);
  });

  it("backs off while there is no server, and anew after each success", async () => {
    const down = () => Promise.reject(new TypeError("failed to fetch"));
    const r = await follow([down, down, down, () => answer(text(1, "a")), down, () => answer(end(2))]);
    expect(r.waited).toEqual([250, 500, 1000, 250, 500]);
    expect(backOff(100)).toBe(backOffMax);
  });

  it("keeps openings apart that each tell something and are cut", async () => {
    const stop = new AbortController();
    const waited: number[] = [];
    await joinEvents({
      open: () => Promise.resolve(answer(text(waited.length + 1, "a"))),
      after: 0,
      last: undefined,
      onEvents: () => {},
      signal: stop.signal,
      wait: async (ms) => {
        if (waited.push(ms) === 3) stop.abort();
      },
      apartMin: 60_000,
    });
    // Less what the opening took: the pause is 250 ms otherwise.
    expect(waited.filter((ms) => ms > 30_000 && ms <= 60_000).length).toBe(3);
  });

  it("waits as long as a busy server asks", async () => {
    const r = await follow([() => ({ status: 429, body: null, retryAfter: 7 }), () => answer(end(1))]);
    expect(r.waited).toEqual([7000]);
  });

  it("tries again after 503, and gives up on 401, 403 and 404", async () => {
    const r = await follow([() => ({ status: 503, body: null }), () => answer(end(1))]);
    expect(r.asked).toEqual([0, 0]);
    for (const status of [401, 403, 404]) {
      await expect(follow([() => ({ status, body: null })])).rejects.toThrow(Refused);
    }
  });

  it("joins again when a connection falls silent", async () => {
    const silent: Opened = { status: 200, body: new ReadableStream({ start: (c) => c.enqueue(bytes(text(1, "a"))) }) };
    const steps = [silent, answer(end(2))];
    const asked: number[] = [];
    await joinEvents({
      open: async (after) => (asked.push(after), steps.shift()!),
      after: 0,
      last: "message",
      onEvents: () => {},
      signal: new AbortController().signal,
      wait: async () => {},
      silenceMax: 5,
    });
    expect(asked).toEqual([0, 1]);
  });

  it("stops at once, without an error, when the reader leaves", async () => {
    const control = new AbortController();
    const cancel = vi.fn();
    const body = new ReadableStream<Uint8Array>({ start: (c) => c.enqueue(bytes(text(1, "a"))), cancel });
    await joinEvents({
      open: async () => ({ status: 200, body }),
      after: 0,
      last: "message",
      onEvents: () => control.abort(),
      signal: control.signal,
    });
    expect(cancel).toHaveBeenCalledOnce();
  });
});
