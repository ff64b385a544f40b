import { lazy, type ReactNode } from "react";

const reloaded = "sallyport.reloaded";

/**
 * A page in its own chunk. After an update of the server the chunk of an old
 * page may be gone: then the page is loaded anew, once. Drafts are in the
 * browser's storage and stay.
 */
export function page(load: () => Promise<{ default: () => ReactNode }>) {
  return lazy(async () => {
    try {
      const loaded = await load();
      sessionStorage.removeItem(reloaded);
      return loaded;
    } catch (failure) {
      if (sessionStorage.getItem(reloaded)) throw failure;
      sessionStorage.setItem(reloaded, "1");
      location.reload();
      return new Promise<never>(() => {}); // the page goes away
    }
  });
}
