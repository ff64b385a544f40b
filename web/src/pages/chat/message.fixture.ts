import type { Conversation, Message } from "./message";

/** message is a message for tests: what is not named is empty. */
export function message(m: Partial<Message> & { id: string }): Message {
  return {
    parent: "",
    role: "assistant",
    state: "done",
    text: "",
    reasoning: "",
    tool_calls: [],
    attachments: [],
    model: "demo",
    run: "",
    created_at: "2026-01-01T00:00:00Z",
    siblings: [m.id],
    request_id: "",
    credits: 0,
    duration_ms: 0,
    masked: [],
    left_out: 0,
    continues: false,
    rating: 0,
    seq: 0,
    ...m,
  };
}

export function conversation(c: Partial<Conversation> & { id: string }): Conversation {
  return {
    title: `Conversation ${c.id}`,
    model: "demo",
    pinned: false,
    archived: false,
    folder: "",
    shared: false,
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
    leaf: "",
    ...c,
  };
}
