import { describe, expect, it } from "vitest";
import { applyEvents } from "./apply";
import type { Message } from "./message";
import { changed, emptyTree, loaded, newestBelow, pathOf, placeOf, selected, sent, streamingOf } from "./tree";
import { message } from "./message.fixture";

const ids = (messages: Message[]) => messages.map((m) => m.id).join(" ");
const user = (id: string, parent = "", more: Partial<Message> = {}) => message({ id, parent, role: "user", siblings: [id], ...more });
const answer = (id: string, parent: string, more: Partial<Message> = {}) => message({ id, parent, role: "assistant", siblings: [id], ...more });
const event = (seq: number, name: string, data: unknown) => ({ id: String(seq), name, data: JSON.stringify(data) });

const base = loaded(emptyTree, { messages: [user("u1"), answer("a1", "u1"), user("u2", "a1"), answer("a2", "u2")], more: false });

describe("tree", () => {
  it("shows the path to the leaf, oldest first", () => {
    expect(ids(pathOf(base))).toBe("u1 a1 u2 a2");
  });

  it("puts older pages above without moving the leaf", () => {
    let t = loaded(emptyTree, { messages: [user("u2", "a1"), answer("a2", "u2")], more: true });
    expect([ids(pathOf(t)), t.more]).toEqual(["u2 a2", true]);
    t = loaded(t, { messages: [user("u1"), answer("a1", "u1")], more: false }, true);
    expect([ids(pathOf(t)), t.more, t.leaf]).toEqual(["u1 a1 u2 a2", false, "a2"]);
  });

  it("branches when a question is edited, and keeps what was there", () => {
    const t = sent(base, user("u2b", "a1"), answer("a2b", "u2b", { state: "streaming" }));
    expect(ids(pathOf(t))).toBe("u1 a1 u2b a2b");
    expect(placeOf(t.nodes.get("u2b")!)).toEqual({ at: 2, of: 2, before: "u2", after: undefined });
    expect(placeOf(t.nodes.get("u2")!)).toEqual({ at: 1, of: 2, before: undefined, after: "u2b" });
    expect(ids(pathOf(selected(t, newestBelow(t, "u2"))))).toBe("u1 a1 u2 a2");
  });

  it("counts answers of one question as versions: 2 / 3", () => {
    let t = sent(base, answer("a2b", "u2"));
    t = sent(t, answer("a2c", "u2"));
    expect(placeOf(t.nodes.get("a2b")!)).toEqual({ at: 2, of: 3, before: "a2", after: "a2c" });
    expect(t.nodes.get("u2")!.siblings).toEqual(["u2"]);
  });

  it("lands on the newest message of a branch", () => {
    const t = sent(base, user("u3", "a2", { created_at: "2026-01-02T00:00:00Z" }), answer("a3", "u3"));
    expect(newestBelow(t, "u2")).toBe("a3");
    expect(newestBelow(t, "unknown")).toBe("unknown");
  });

  it("keeps the same object for every message that did not change", () => {
    const t = changed(base, { ...base.nodes.get("a2")!, rating: 1 });
    expect(t.nodes.get("u1")).toBe(base.nodes.get("u1"));
    expect(changed(base, base.nodes.get("a2")!)).toBe(base);
  });

  it("never takes a final answer back to streaming", () => {
    for (const state of ["done", "stopped", "cut", "failed", "blocked"] as const) {
      const t = changed(sent(base, answer("a3", "u2", { state })), answer("a3", "u2", { state: "streaming" }));
      expect(t.nodes.get("a3")!.state).toBe(state);
    }
  });

  it("never makes a streaming answer shorter", () => {
    const t = sent(base, answer("a3", "u2", { state: "streaming", text: "abc", seq: 3 }));
    expect(changed(t, answer("a3", "u2", { state: "streaming", text: "a", seq: 1 })).nodes.get("a3")!.text).toBe("abc");
  });

  it("lists answers that are being written on any branch", () => {
    const t = selected(sent(base, answer("a3", "u2", { state: "streaming" })), "a2");
    expect(ids(streamingOf(t))).toBe("a3");
  });

  it("does not hang on a ring", () => {
    const t = loaded(emptyTree, { messages: [user("x", "y"), answer("y", "x")], more: false });
    expect(pathOf(t)).toHaveLength(2);
  });
});

describe("applyEvents", () => {
  const streaming = answer("a", "u", { state: "streaming", text: "He", seq: 2 });

  it("adds what is new and drops what is known", () => {
    const m = applyEvents(streaming, [event(2, "text", { delta: "He" }), event(3, "text", { delta: "llo" }), event(4, "reasoning", { delta: "why" })]);
    expect([m.text, m.reasoning, m.seq, m.state]).toEqual(["Hello", "why", 4, "streaming"]);
  });

  it("stopped in the middle: keeps the text and is marked", () => {
    const m = applyEvents(streaming, [event(3, "text", { delta: "l" }), event(4, "message", { ...streaming, text: "Hel", state: "stopped", seq: 4 })]);
    expect([m.text, m.state]).toEqual(["Hel", "stopped"]);
  });

  it("cut: is not done", () => {
    const m = applyEvents(streaming, [event(3, "message", { ...streaming, state: "cut", seq: 3 })]);
    expect(m.state).toBe("cut");
  });

  it("resumed after a reload: gives the same text as one that was watched all along", () => {
    const all = "Hello, world".split("").map((c, i) => event(i + 1, "text", { delta: c }));
    const empty = answer("a", "u", { state: "streaming" });
    const watched = applyEvents(empty, all);
    for (let at = 0; at <= all.length; at++) {
      const before = applyEvents(empty, all.slice(0, at));
      expect(applyEvents(before, all).text, `reloaded after ${at}`).toBe(watched.text);
    }
  });

  it("shows what becomes of a tool call in its own row", () => {
    const call = { id: "c", name: "search", arguments: "", result: "", state: "writing" };
    const m = applyEvents(streaming, [
      event(3, "tool", { index: 0, ...call }),
      event(4, "tool", { index: 1, ...call, id: "d" }),
      event(5, "tool", { index: 0, ...call, arguments: "{}", state: "called" }),
    ]);
    expect(m.tool_calls).toEqual([{ ...call, arguments: "{}", state: "called" }, { ...call, id: "d" }]);
  });

  it("returns the same object when nothing changed", () => {
    expect(applyEvents(streaming, [event(1, "text", { delta: "x" })])).toBe(streaming);
  });
});
