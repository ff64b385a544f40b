// What data protection replaced is shown in the person's own message, where it was.

import type { Masked } from "./message";

export type Segment = { text: string; masked?: Pick<Masked, "label" | "action"> };

/** segmentsOf cuts a text where values were replaced. Places that do not fit the text are left out. */
export function segmentsOf(text: string, masked: Masked[]): Segment[] {
  const places = masked
    .flatMap((m) => m.at.map((at) => ({ ...at, label: m.label, action: m.action })))
    .sort((a, b) => a.start - b.start || b.end - a.end);
  const segments: Segment[] = [];
  let end = 0;
  for (const place of places) {
    if (place.start < end || place.end <= place.start || place.end > text.length) continue;
    if (place.start > end) segments.push({ text: text.slice(end, place.start) });
    segments.push({ text: text.slice(place.start, place.end), masked: { label: place.label, action: place.action } });
    end = place.end;
  }
  if (end < text.length) segments.push({ text: text.slice(end) });
  return segments;
}

/** unplaced are the values that were replaced elsewhere: in files, or nobody knows where. */
export function unplaced(masked: Masked[]): Masked[] {
  return masked.map((m) => ({ ...m, count: m.count - m.at.length })).filter((m) => m.count > 0);
}
