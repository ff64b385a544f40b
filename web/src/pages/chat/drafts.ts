// What was typed and not yet sent stays on this device, one draft a conversation
// and person, through reloads, lost sessions and restarts. Signing out clears them.

import { draftPrefix } from "@/session"; // sign-out removes what begins with it

/** draftMax bounds a draft in characters: longer ones stay in the page alone. */
export const draftMax = 100_000;

/** draftsMax bounds how many are kept; the oldest goes first. */
export const draftsMax = 50;

type Stored = { text: string; at: number };

/** newDraft is the name of the draft of a conversation that does not exist yet. */
export const newDraft = "new";

export class Drafts {
  private readonly user: string;
  private readonly storage: Storage | undefined;
  private readonly now: () => number;

  constructor(user: string, storage: Storage | undefined = safeStorage(), now: () => number = Date.now) {
    this.user = user;
    this.storage = storage;
    this.now = now;
  }

  read(conversation: string): string {
    return parse(this.get(this.key(conversation)))?.text ?? "";
  }

  /** write keeps the text; an empty one removes the draft. */
  write(conversation: string, text: string): void {
    const key = this.key(conversation);
    if (text === "") return this.remove(key);
    if (text.length > draftMax) return;
    const stored: Stored = { text, at: this.now() };
    try {
      this.storage?.setItem(key, JSON.stringify(stored));
      this.prune();
    } catch {
      // The storage is full or forbidden: the draft lives in the page alone.
    }
  }

  private prune(): void {
    const mine = keysOf(this.storage).filter((k) => k.startsWith(this.key("")));
    const byAge = mine
      .map((key) => ({ key, at: parse(this.get(key))?.at ?? 0 }))
      .sort((a, b) => b.at - a.at);
    for (const { key } of byAge.slice(draftsMax)) this.remove(key);
  }

  private key(conversation: string): string {
    return `${draftPrefix}${this.user}.${conversation}`;
  }

  private get(key: string): string | null {
    try {
      return this.storage?.getItem(key) ?? null;
    } catch {
      return null;
    }
  }

  private remove(key: string): void {
    try {
      this.storage?.removeItem(key);
    } catch {
      // see write
    }
  }
}

function keysOf(storage: Storage | undefined): string[] {
  if (!storage) return [];
  return Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? "");
}

function parse(text: string | null): Stored | undefined {
  if (text === null) return undefined;
  try {
    const stored = JSON.parse(text) as Stored;
    return typeof stored.text === "string" ? stored : undefined;
  } catch {
    return undefined;
  }
}

function safeStorage(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined; // forbidden by the browser's settings
  }
}
