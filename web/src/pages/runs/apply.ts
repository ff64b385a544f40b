import type { ServerEvent } from "@/api/events";
import type { Step, WholeRun } from "./calls";

/** A piece of the text of an attempt; from counts bytes of UTF-8. */
interface Piece {
  step: number;
  call: number;
  from: number;
  delta: string;
}

/** Live is a run and what its events have said beyond the tables. */
export interface Live {
  run: WholeRun;
  /** The attempt whose text each step shows: the text of one that another follows is void. */
  texts: Record<number, { call: number; text: string }>;
}

export const begin = (run: WholeRun): Live => ({ run, texts: {} });

/** The run after these events, in their order. What cannot be read is left out: the tables have it. */
export function apply(live: Live, events: ServerEvent[]): Live {
  return events.reduce(applyOne, live);
}

function applyOne(live: Live, event: ServerEvent): Live {
  let data: unknown;
  try {
    data = JSON.parse(event.data);
  } catch {
    return live;
  }
  if (event.name === "run") return { run: data as WholeRun, texts: {} };
  if (event.name === "step") return withStep(live, data as Step);
  if (event.name === "text") return withText(live, data as Piece);
  return live;
}

function withStep(live: Live, step: Step): Live {
  const steps = live.run.steps.map((old) => (old.index === step.index ? { ...step, ...(old.output && { output: old.output }) } : old));
  const known = live.texts[step.index];
  const newest = step.attempts.at(-1)?.n ?? 0;
  // Another attempt begins: what the one before it said is void.
  const texts = known && known.call !== newest ? { ...live.texts, [step.index]: { call: newest, text: "" } } : live.texts;
  return { run: { ...live.run, steps }, texts };
}

function withText(live: Live, piece: Piece): Live {
  const known = live.texts[piece.step];
  if (known && known.call > piece.call) return live;
  const before = known?.call === piece.call ? known.text : "";
  return { ...live, texts: { ...live.texts, [piece.step]: { call: piece.call, text: before + piece.delta } } };
}

/** What a step has said so far. */
export function outputOf(live: Live, step: Step): string {
  return step.output || live.texts[step.index]?.text || "";
}
