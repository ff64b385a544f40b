// What this device remembers of a person's choices. A browser may refuse, as in
// private windows: then a choice holds until the page is left.

type Store = "localStorage" | "sessionStorage";

/** What is kept under a name; null: nothing, or it cannot be read. */
export function kept(name: string, store: Store = "localStorage"): string | null {
  try {
    return window[store].getItem(name);
  } catch {
    return null;
  }
}

/** Keeps a text under a name, and says whether it could. */
export function keep(name: string, text: string, store: Store = "localStorage"): boolean {
  try {
    window[store].setItem(name, text);
    return true;
  } catch {
    return false;
  }
}

/** Forgets all whose name begins so, in both stores. */
export function forget(prefix: string): void {
  for (const store of ["localStorage", "sessionStorage"] as const) {
    try {
      for (const name of Object.keys(window[store])) if (name.startsWith(prefix)) window[store].removeItem(name);
    } catch {
      // There is nothing.
    }
  }
}
