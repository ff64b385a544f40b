// What an event does to the message that it belongs to.

import type { ServerEvent } from "@/api/events";
import { isFinal, type Message, type ToolCall } from "./message";

/** applyEvents returns m with the events added; the same m when they change nothing. */
export function applyEvents(m: Message, events: ServerEvent[]): Message {
  let text = "";
  let reasoning = "";
  let calls = m.tool_calls;
  let seq = m.seq;
  for (const e of events) {
    const number = Number(e.id) || 0;
    if (e.name === "message") return parse(e) as Message;
    if (isFinal(m) || (number !== 0 && number <= m.seq)) continue;
    seq = Math.max(seq, number);
    const data = parse(e) as { delta?: string };
    if (e.name === "text") text += data.delta ?? "";
    if (e.name === "reasoning") reasoning += data.delta ?? "";
    if (e.name === "tool") calls = putCall(calls, data as ToolState);
  }
  if (text === "" && reasoning === "" && calls === m.tool_calls && seq === m.seq) return m;
  return { ...m, text: m.text + text, reasoning: m.reasoning + reasoning, tool_calls: calls, seq };
}

/** ToolState is a call as it is now, and which of the answer's calls it is. */
type ToolState = ToolCall & { index: number };

function putCall(calls: ToolCall[], { index, ...call }: ToolState): ToolCall[] {
  const next = [...calls];
  next[Math.min(index, calls.length)] = call; // states come in order: none is left out
  return next;
}

function parse(e: ServerEvent): unknown {
  return JSON.parse(e.data);
}
