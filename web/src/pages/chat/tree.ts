// A conversation is a tree: editing a question or asking for another answer adds
// a branch and changes nothing that was there. What one sees is a path from the
// newest message of a branch up to the root. Trees are values; what did not
// change stays the same object, so that views of it need not be drawn again.

import { isFinal, type Message } from "./message";

export type Tree = {
  readonly nodes: ReadonlyMap<string, Message>;
  readonly leaf: string;
  /** There are older messages on the server above the oldest of the path. */
  readonly more: boolean;
};

export const emptyTree: Tree = { nodes: new Map(), leaf: "", more: false };

/**
 * loaded puts a page from the server into the tree. Pages reach upward from the
 * newest: of a first page the last message is the leaf; an older one has more above it or not.
 */
export function loaded(tree: Tree, page: { messages: Message[]; more: boolean }, older = false): Tree {
  const nodes = put(tree.nodes, page.messages);
  const last = page.messages.at(-1);
  return { nodes, leaf: older ? tree.leaf : (last?.id ?? tree.leaf), more: page.more };
}

/** sent adds messages below what they name as their parent; the last is the new leaf. */
export function sent(tree: Tree, ...messages: Message[]): Tree {
  const nodes = new Map(put(tree.nodes, messages));
  for (const m of messages) joinSiblings(nodes, m);
  return { ...tree, nodes, leaf: messages.at(-1)?.id ?? tree.leaf };
}

/** changed puts newer states of known or new messages in; the leaf stays. */
export function changed(tree: Tree, ...messages: Message[]): Tree {
  const nodes = put(tree.nodes, messages);
  return nodes === tree.nodes ? tree : { ...tree, nodes };
}

/** selected shows the branch that ends with leaf. */
export function selected(tree: Tree, leaf: string): Tree {
  return tree.leaf === leaf ? tree : { ...tree, leaf };
}

/** pathOf is what one sees, oldest first, as far as it has been loaded. */
export function pathOf(tree: Tree): Message[] {
  const path: Message[] = [];
  const seen = new Set<string>(); // a ring can only be a fault; it must not hang the page
  for (let m = tree.nodes.get(tree.leaf); m && !seen.has(m.id); m = tree.nodes.get(m.parent)) {
    seen.add(m.id);
    path.push(m);
  }
  return path.reverse();
}

/** Place is where a message stands among the versions of it: "2 / 3". */
export type Place = { at: number; of: number; before?: string; after?: string };

export function placeOf(m: Message): Place {
  const at = Math.max(0, m.siblings.indexOf(m.id));
  return { at: at + 1, of: Math.max(1, m.siblings.length), before: m.siblings[at - 1], after: m.siblings[at + 1] };
}

/** newestBelow is the newest message known on any branch that passes through id. */
export function newestBelow(tree: Tree, id: string): string {
  const children = new Map<string, Message[]>();
  for (const m of tree.nodes.values()) children.set(m.parent, [...(children.get(m.parent) ?? []), m]);
  let newest = id;
  for (;;) {
    const next = (children.get(newest) ?? []).reduce<Message | undefined>(
      (best, m) => (!best || m.created_at >= best.created_at ? m : best),
      undefined,
    );
    if (!next) return newest;
    newest = next.id;
  }
}

/** streamingOf lists the answers that are still being written, on any branch. */
export function streamingOf(tree: Tree): Message[] {
  return [...tree.nodes.values()].filter((m) => !isFinal(m));
}

function put(nodes: ReadonlyMap<string, Message>, messages: Message[]): ReadonlyMap<string, Message> {
  let next: Map<string, Message> | undefined;
  for (const m of messages) {
    const kept = newer(nodes.get(m.id), m);
    if (kept !== nodes.get(m.id)) (next ??= new Map(nodes)).set(m.id, kept);
  }
  return next ?? nodes;
}

/**
 * newer decides between what is known and what comes: pages and events overtake
 * each other. What is final stays final, and an answer never gets shorter.
 */
function newer(known: Message | undefined, m: Message): Message {
  if (!known) return m;
  if (isFinal(known) && !isFinal(m)) return known;
  if (!isFinal(known) && !isFinal(m) && m.seq < known.seq) return known;
  return m;
}

/** joinSiblings tells the versions that were there of the one that has come. */
function joinSiblings(nodes: Map<string, Message>, m: Message): void {
  const all = new Set(m.siblings);
  for (const other of nodes.values()) {
    if (other.parent === m.parent && other.role === m.role) for (const id of [...other.siblings, other.id]) all.add(id);
  }
  all.delete(m.id);
  const siblings = [...all, m.id];
  for (const id of siblings) {
    const other = nodes.get(id);
    if (other && other.siblings.join() !== siblings.join()) nodes.set(id, { ...other, siblings });
  }
}
