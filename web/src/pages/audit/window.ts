import type { Names, Page, Row } from "./records";

// A trail may have a million records. The table has a place for each, and the
// browser keeps those around the reader: a window, which grows at the side that
// the reader comes near to and is cut at the other. Cursors are the numbers of
// records, so nothing moves while more are written.

export const pageSize = 100;

/** At most so many rows are kept. */
export const keptMax = 500;

/** How near to the end of the window the reader may come before it grows. */
const near = 40;

export interface Window {
  rows: Row[];
  names: Names;
  /** The place of the first row in the whole list; exact at both ends, near the truth in between. */
  offset: number;
  /** How many there are in the whole list, as far as is known. */
  total: number;
  /** The newest record when the search began: later ones wait behind a button. */
  top: number;
  atNewest: boolean;
  atOldest: boolean;
  /** The search looked at very many records and stopped at this one. */
  searched: number;
}

export const emptyWindow: Window = { rows: [], names: {}, offset: 0, total: 0, top: 0, atNewest: true, atOldest: false, searched: 0 };

/** A page to ask the server for. */
export type Ask =
  | { kind: "newest" }
  | { kind: "oldest" }
  | { kind: "older"; before: number }
  | { kind: "newer"; after: number }
  | { kind: "jump"; before: number; offset: number };

export function parametersOf(ask: Ask, top: number): Record<string, string | number | boolean | undefined> {
  const all = { limit: pageSize };
  const upTo = top > 0 ? top + 1 : undefined;
  switch (ask.kind) {
    case "newest":
      return all;
    case "oldest":
      return { ...all, rising: true, before: upTo };
    case "older":
    case "jump":
      return { ...all, before: ask.before };
    case "newer":
      return { ...all, rising: true, after: ask.after, before: upTo };
  }
}

/** What is to be asked for when the rows first to last are in view; undefined: nothing. */
export function wanted(w: Window, first: number, last: number): Ask | undefined {
  if (w.rows.length === 0) return undefined;
  const end = w.offset + w.rows.length;
  if (last < w.offset || first > end) return jump(w, first, last);
  if (last > end - near && !w.atOldest && w.searched === 0) return { kind: "older", before: w.rows.at(-1)?.seq ?? 0 };
  if (first < w.offset + near && !w.atNewest) return { kind: "newer", after: w.rows[0]?.seq ?? 0 };
  return undefined;
}

function jump(w: Window, first: number, last: number): Ask {
  if (first <= near) return { kind: "newest" };
  if (last >= w.total - near) return { kind: "oldest" };
  const offset = Math.max(0, first - near);
  return { kind: "jump", offset, before: Math.max(2, Math.round(w.top * (1 - offset / w.total))) };
}

/** The window with the page that was asked for. */
export function grown(w: Window, ask: Ask, page: Page): Window {
  const rows = page.records as unknown as Row[];
  const names = { ...(ask.kind === "older" || ask.kind === "newer" ? w.names : {}), ...page.names };
  const ended = rows.length < pageSize && !page.searched;
  const searched = page.searched ?? 0;
  switch (ask.kind) {
    case "newest": {
      const top = Math.max(w.top, rows[0]?.seq ?? 0);
      return fit({ ...w, rows, names, offset: 0, top, atNewest: true, atOldest: ended, searched });
    }
    case "oldest":
      return fit({ ...w, rows, names, offset: Math.max(0, w.total - rows.length), atNewest: ended, atOldest: true, searched: 0 });
    case "jump":
      return fit({ ...w, rows, names, offset: ask.offset, atNewest: false, atOldest: ended, searched });
    case "older": {
      const all = [...w.rows, ...rows];
      const cut = Math.max(0, all.length - keptMax);
      return fit({ ...w, rows: all.slice(cut), names, offset: w.offset + cut, atNewest: w.atNewest && cut === 0, atOldest: ended, searched });
    }
    case "newer": {
      const all = [...rows, ...w.rows];
      const offset = ended ? 0 : Math.max(1, w.offset - rows.length);
      const kept = all.slice(0, keptMax);
      return fit({ ...w, rows: kept, names, offset, atNewest: ended, atOldest: w.atOldest && kept.length === all.length, searched: kept.length === all.length ? w.searched : 0 });
    }
  }
}

/** Makes what is known of the whole list agree with the window. */
function fit(w: Window): Window {
  const end = w.offset + w.rows.length;
  if (w.atOldest) return { ...w, total: end };
  return { ...w, total: Math.max(w.total, end + (w.searched ? 0 : 1)) };
}
