import { expect, test } from "vitest";
import type { Page } from "./records";
import { type Ask, emptyWindow, grown, keptMax, pageSize, parametersOf, wanted, type Window } from "./window";

/** A trail of records 1 to head, of which the server gives pages. */
function serverOf(head: number, passes: (seq: number) => boolean = () => true) {
  return (ask: Ask, top: number): Page => {
    const p = parametersOf(ask, top);
    const low = Number(p.after ?? 0);
    const high = Number(p.before ?? head + 1);
    const seqs: number[] = [];
    if (p.rising) for (let s = low + 1; s < high && seqs.length < pageSize; s++) passes(s) && seqs.unshift(s);
    else for (let s = Math.min(high - 1, head); s > low && seqs.length < pageSize; s--) passes(s) && seqs.push(s);
    return { records: seqs.map((seq) => ({ seq, hash: "", prev_hash: "", record: {} })), names: {} } as unknown as Page;
  };
}

/** Scrolls until nothing more is wanted, and checks what must hold all the while. */
function settle(w: Window, server: ReturnType<typeof serverOf>, first: number, last: number): Window {
  for (let asked = 0; ; asked++) {
    const ask = wanted(w, Math.min(first, w.total - 1), Math.min(last, w.total - 1));
    if (!ask) return w;
    if (asked > 40) throw new Error(`it asks without an end: ${JSON.stringify(ask)}`);
    w = grown(w, ask, server(ask, w.top));
    expect(w.rows.length).toBeLessThanOrEqual(keptMax);
    for (let i = 1; i < w.rows.length; i++) expect(w.rows[i]!.seq).toBeLessThan(w.rows[i - 1]!.seq);
  }
}

const start = (server: ReturnType<typeof serverOf>, total: number) => grown({ ...emptyWindow, total }, { kind: "newest" }, server({ kind: "newest" }, 0));

test("scrolling down row by row passes every record once, and memory stays bounded", () => {
  const server = serverOf(3000);
  let w = start(server, 3000);
  for (let first = 0; first < 3000; first += 10) {
    w = settle(w, server, first, Math.min(first + 25, 2999));
    const seen = w.rows[first - w.offset];
    expect(seen?.seq).toBe(3000 - first);
  }
  expect(w.atOldest).toBe(true);
  expect(w.total).toBe(3000);
});

test("End shows the oldest record, Home the newest, and scrolling up from the end passes all", () => {
  const server = serverOf(100_000);
  let w = start(server, 100_000);
  w = settle(w, server, 99_975, 99_999);
  expect(w.rows.at(-1)?.seq).toBe(1);
  expect(w.total).toBe(100_000);
  for (let first = 99_975; first > 98_000; first -= 15) {
    w = settle(w, server, first, first + 24);
    expect(w.rows[first - w.offset]?.seq).toBe(100_000 - first);
  }
  w = settle(w, server, 0, 24);
  expect(w.rows[0]?.seq).toBe(100_000);
  expect(w.offset).toBe(0);
});

test("a filter that passes few: a jump lands near, and both ends are exact", () => {
  const server = serverOf(10_000, (seq) => seq % 7 === 0);
  const total = Math.floor(10_000 / 7);
  let w = start(server, total);
  w = settle(w, server, 700, 724);
  expect(w.rows.length).toBeGreaterThan(0);
  w = settle(w, server, total - 20, total - 1);
  expect(w.rows.at(-1)?.seq).toBe(7);
  for (let first = total - 25; first >= 0; first -= 20) w = settle(w, server, first, first + 24);
  w = settle(w, server, 0, 24);
  expect(w.rows[0]?.seq).toBe(9996);
});

test("a search that stopped early is not gone on with by itself", () => {
  const w = grown({ ...emptyWindow }, { kind: "newest" }, { records: [{ seq: 9 }], names: {}, searched: 5, before: 5 } as unknown as Page);
  expect(wanted(w, 0, 0)).toBeUndefined();
  const on = grown(w, { kind: "older", before: 5 }, { records: [{ seq: 2 }], names: {} } as unknown as Page);
  expect(on.rows.map((r) => r.seq)).toEqual([9, 2]);
  expect(on.atOldest).toBe(true);
});
