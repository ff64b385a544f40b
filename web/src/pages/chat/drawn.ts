import { useEffect, useState } from "react";
import type { Message } from "./message";

/**
 * How many messages are drawn in one task. A message takes up to ten milliseconds, and
 * a page of fifty in one took half a second, in which no key is answered.
 * docs/terminal-speed.md
 */
export const slice = 8;

/**
 * useDrawn says from which message on a path is drawn: its end at once, and what is
 * above that a slice each frame, until all is there. What was drawn stays, and what
 * comes below it is drawn at once. before is called before each slice above the others.
 */
export function useDrawn(path: Message[], before: () => void): number {
  const [oldest, setOldest] = useState<string>();
  const at = path.findIndex((m) => m.id === oldest);
  const from = at >= 0 ? at : Math.max(0, path.length - slice);
  const first = path[from]?.id;
  if (first !== oldest) setOldest(first); // another branch, or the first of all
  const next = path[Math.max(0, from - slice)]?.id;
  useEffect(() => {
    if (next === first) return;
    let over: ReturnType<typeof setTimeout> | undefined;
    // The timer lets the frame be shown, and keys be answered, before the next slice.
    const frame = requestAnimationFrame(() => {
      over = setTimeout(() => {
        before();
        setOldest(next);
      });
    });
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(over);
    };
  }, [next, first, before]);
  return from;
}
