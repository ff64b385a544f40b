import { lazy, type ReactNode } from "react";
import { keep, kept } from "./kept";

const reloaded = "sallyport.reloaded";

/**
 * A page in its own chunk. After an update of the server the chunk of an old
 * page may be gone: then the page is loaded anew, once. Drafts are in the
 * browser's storage and stay.
 */
export function page(load: () => Promise<{ default: () => ReactNode }>): Page & ReturnType<typeof lazy<() => ReactNode>> {
  const loaded = lazy(async () => {
    try {
      const loaded = await load();
      keep(reloaded, "", "sessionStorage");
      return loaded;
    } catch (failure) {
      // Whoever cannot remember that it was tried must not try.
      if (kept(reloaded, "sessionStorage") || !keep(reloaded, "1", "sessionStorage")) throw failure;
      location.reload();
      return new Promise<never>(() => {}); // the page goes away
    }
  });
  // Whoever shows the page finds out whether that failed.
  return Object.assign(loaded, { ahead: () => void load().catch(() => {}) });
}

/** The component of an address. */
export interface Page {
  /** Loads the page before somebody may see it: who is signed in need not be known for that. */
  ahead: () => void;
}
