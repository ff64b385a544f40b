// The nouns of a conversation as the server speaks of them.

/**
 * State of a message. All but "streaming" are final: a message never leaves them.
 * "cut" is an answer whose end never came; it must not look like "done".
 */
export type State = "done" | "streaming" | "stopped" | "cut" | "failed" | "blocked";

/** ToolCall is a call that the model asked for; arguments and result are texts. */
export type ToolCall = { id: string; name: string; arguments: string; result: string; state: string };

export type Attachment = { id: string; name: string; type: string; size: number };

/** Masked is what data protection did to values of one type; at is where in the text, as browsers count. */
export type Masked = { type: string; label: string; action: "tokenize" | "redact" | "block"; count: number; at: { start: number; end: number }[] };

export type Usage = { input: number; cached_input: number; cache_write: number; output: number; reasoning: number };

/** Failure is why an answer is not done; retry_after is in seconds. */
export type Failure = { code: string; message: string; retry_after?: number };

export type Message = {
  id: string;
  parent: string;
  /** A run is an agent that was started from the conversation. */
  role: "user" | "assistant" | "run";
  state: State;
  text: string;
  reasoning: string;
  tool_calls: ToolCall[];
  attachments: Attachment[];
  model: string;
  run: string;
  created_at: string;
  /** All messages with the same parent, this one too, oldest first. */
  siblings: string[];
  error?: Failure;
  request_id: string;
  usage?: Usage;
  /** In micro-credits. */
  credits: number;
  duration_ms: number;
  masked: Masked[];
  /** So many messages above did not fit into the model's window. */
  left_out: number;
  /** It goes on from the text of its parent. */
  continues: boolean;
  rating: number;
  /** How far text, reasoning and tool calls reach: events go on after it. */
  seq: number;
};

/** isFinal says that no event will change the message any more. */
export function isFinal(m: Pick<Message, "state">): boolean {
  return m.state !== "streaming";
}

export type Conversation = {
  id: string;
  title: string;
  model: string;
  pinned: boolean;
  archived: boolean;
  folder: string;
  shared: boolean;
  created_at: string;
  updated_at: string;
  leaf: string;
  /** Where a search found something; message is empty for the title. */
  hit?: { message: string; before: string; match: string; after: string };
};

/** microCredits is how many of the server's units make one credit. */
export const microCredits = 1_000_000;
