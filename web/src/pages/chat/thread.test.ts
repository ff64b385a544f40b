import { afterEach, describe, expect, it, vi } from "vitest";
import { Answer, refusal, serve, silence } from "@/test/render";
import type { Message } from "./message";
import { message } from "./message.fixture";
import { Thread, writing } from "./thread";

const base = "/api/v1/conversations/c";
const question = message({ id: "u", role: "user", text: "hi" });
const streaming = message({ id: "a", parent: "u", state: "streaming", text: "He", seq: 2 });
const done = message({ ...streaming, state: "done", text: "Hello", seq: 5 });

/** events is a stream that the test writes to, piece by piece. */
function events() {
  let control!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({ start: (c) => void (control = c) });
  const write = (id: number, name: string, data: unknown) =>
    control.enqueue(new TextEncoder().encode(`id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`));
  return { response: new Response(body, { headers: { "Content-Type": "text/event-stream" } }), write, end: () => control.close() };
}

const threads: Thread[] = [];
function open(): Thread {
  const thread = new Thread("c");
  threads.push(thread);
  thread.start();
  return thread;
}
afterEach(() => threads.splice(0).forEach((t) => t.stop()));

const last = (t: Thread): Message | undefined => t.snapshot().path.at(-1);
const page = (...messages: Message[]) => ({ messages, more: false });

describe("Thread", () => {
  it("joins an answer that is being written when it is opened, from where the page ended", async () => {
    const stream = events();
    const asked = serve({ [`GET ${base}/messages`]: page(question, streaming), [`GET ${base}/messages/a/events?after=2`]: stream.response });
    const t = open();
    await vi.waitFor(() => expect(asked.some((r) => r.url.endsWith("after=2"))).toBe(true));
    expect(writing(t.snapshot().path)?.id).toBe("a");
    stream.write(5, "text", { delta: "llo" });
    await vi.waitFor(() => expect(last(t)?.text).toBe("Hello"));
    stream.write(6, "message", done);
    await vi.waitFor(() => expect(last(t)?.state).toBe("done"));
    expect(writing(t.snapshot().path)).toBeUndefined();
  });

  it("who asks for older messages that are on their way waits for them", async () => {
    let come = (_: unknown) => {};
    const oldest = message({ id: "o", role: "user", text: "first" });
    serve({
      [`GET ${base}/messages`]: { messages: [{ ...question, parent: "o" }, done], more: true },
      [`GET ${base}/messages?leaf=a&before=u`]: new Promise((resolve) => (come = resolve)),
    });
    const t = open();
    await vi.waitFor(() => expect(last(t)?.id).toBe("a"));
    void t.older();
    const there = t.older().then(() => t.snapshot().path.map((m) => m.id));
    come({ messages: [oldest], more: false });
    expect(await there).toEqual(["o", "u", "a"]);
  });

  it("older messages of a branch that is no longer shown say nothing of the one that is", async () => {
    let come = (_: unknown) => {};
    const other = message({ id: "x", role: "user", text: "elsewhere", parent: "w" });
    serve({
      [`GET ${base}/messages`]: { messages: [{ ...question, parent: "o" }, done], more: true },
      [`GET ${base}/messages?leaf=a&before=u`]: new Promise((resolve) => (come = resolve)),
      [`GET ${base}/messages?leaf=x`]: { messages: [other], more: true },
    });
    const t = open();
    await vi.waitFor(() => expect(last(t)?.id).toBe("a"));
    const older = t.older();
    await t.found("x");
    come({ messages: [message({ id: "o", role: "user" })], more: false });
    await older;
    expect(t.snapshot()).toMatchObject({ loadingOlder: false, tree: { leaf: "x", more: true } });
  });

  it("tells many events of one piece to the page at once", async () => {
    const stream = events();
    serve({ [`GET ${base}/messages`]: page(question, streaming), [`GET ${base}/messages/a/events`]: stream.response });
    const t = open();
    await vi.waitFor(() => expect(last(t)?.id).toBe("a"));
    let told = 0;
    t.subscribe(() => told++);
    for (let i = 0; i < 200; i++) stream.write(3 + i, "text", { delta: "x" });
    await vi.waitFor(() => expect(last(t)?.text).toHaveLength(202));
    expect(told).toBeLessThan(20);
  });

  it("joins again after a lost connection, and says meanwhile that it is lost", async () => {
    const first = events();
    const second = events();
    const asked = serve({
      [`GET ${base}/messages`]: page(question, streaming),
      [`GET ${base}/messages/a/events?after=2`]: first.response,
      [`GET ${base}/messages/a/events?after=3`]: second.response,
    });
    const t = open();
    await vi.waitFor(() => expect(asked.length).toBe(2));
    first.write(3, "text", { delta: "l" });
    first.end();
    await vi.waitFor(() => expect(t.snapshot().lost).toBe(true));
    second.write(6, "message", done);
    await vi.waitFor(() => expect(last(t)?.state).toBe("done"));
    expect(t.snapshot().lost).toBe(false);
  });

  it("keeps the text of an answer that was stopped, and is ready at once", async () => {
    serve({
      [`GET ${base}/messages`]: page(question, streaming),
      [`GET ${base}/messages/a/events`]: silence,
      [`POST ${base}/messages/a/stop`]: { ...streaming, state: "stopped" },
    });
    const t = open();
    await vi.waitFor(() => expect(last(t)?.id).toBe("a"));
    await t.stopAnswer(streaming);
    expect([last(t)?.state, last(t)?.text, writing(t.snapshot().path)]).toEqual(["stopped", "He", undefined]);
  });

  it("adds a question and its answer, and throws a refusal to who asked", async () => {
    const stream = events();
    const answers = {
      [`GET ${base}/messages`]: page(),
      [`POST ${base}/messages`]: new Answer(202, { message: question, answer: streaming }) as unknown,
      [`GET ${base}/messages/a/events`]: stream.response,
    };
    const asked = serve(answers);
    const t = open();
    await vi.waitFor(() => expect(t.snapshot().loading).toBe(false));
    await t.send({ parent: "", text: "hi", model: "demo", attachments: [] }, "key-1");
    expect(t.snapshot().path.map((m) => m.id)).toEqual(["u", "a"]);
    expect(asked.find((r) => r.method === "POST")!.headers.get("Idempotency-Key")).toBe("key-1");
    answers[`POST ${base}/messages`] = refusal(429, "slow down");
    await expect(t.send({ parent: "", text: "hi", model: "demo", attachments: [] }, "key-2")).rejects.toThrow("slow down");
  });

  it("shows another version with what was last said below it, and remembers it", async () => {
    const two = message({ id: "a2", parent: "u", siblings: ["a", "a2"], text: "other" });
    const asked = serve({
      [`GET ${base}/messages`]: page(question, two),
      [`GET ${base}/messages?leaf=a`]: page(question, { ...done, siblings: ["a", "a2"] }),
      [`PATCH ${base}`]: {},
    });
    const t = open();
    await vi.waitFor(() => expect(last(t)?.id).toBe("a2"));
    await t.version(two, "before");
    expect(last(t)?.text).toBe("Hello");
    expect(await asked.at(-1)!.json()).toEqual({ leaf: "a" });
  });

  it("says which act was refused and why, and changes nothing", async () => {
    serve({ [`GET ${base}/messages`]: page(question, done), [`POST ${base}/messages/a/regenerate`]: refusal(402, "no credits") });
    const t = open();
    await vi.waitFor(() => expect(last(t)?.id).toBe("a"));
    await t.regenerate(done);
    expect(t.snapshot().refused).toMatchObject({ message: "a", error: { message: "no credits", status: 402 } });
    expect(t.snapshot().path).toHaveLength(2);
  });

  it("waits for a new session, and joins again after it", async () => {
    let signedIn = false;
    const stream = events();
    serve({
      [`GET ${base}/messages`]: page(question, streaming),
      [`GET ${base}/messages/a/events`]: () => (signedIn ? stream.response : refusal(401, "the session ended")),
    });
    const t = open();
    await vi.waitFor(() => expect(last(t)?.id).toBe("a"));
    stream.write(6, "message", done);
    signedIn = true;
    await vi.waitFor(() => {
      t.rejoin();
      expect(last(t)?.state).toBe("done");
    });
    expect(t.snapshot().refused).toBeUndefined();
  });

  it("leaves without stopping anything", async () => {
    const asked = serve({ [`GET ${base}/messages`]: page(question, streaming), [`GET ${base}/messages/a/events`]: silence });
    const t = open();
    await vi.waitFor(() => expect(asked.length).toBe(2));
    t.stop();
    expect(asked.every((r) => r.method === "GET")).toBe(true);
  });
});
