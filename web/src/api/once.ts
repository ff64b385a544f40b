import { useRef } from "react";

/** Names a request. Browsers have randomUUID only where there is TLS. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** Makes a repeat of the same request harmless: its answer was lost, or the key was pressed twice. */
export const once = (key: string): RequestInit => ({ headers: { "Idempotency-Key": key } });

/** The keys of a form's requests: the same again has the same key, until it was answered; anything else is another request. */
export function useRequestKey(): { of: (asked: unknown) => string; answered: () => void } {
  const last = useRef({ asked: "", key: "" });
  return {
    of(asked) {
      const text = JSON.stringify(asked);
      if (last.current.asked !== text) last.current = { asked: text, key: newKey() };
      return last.current.key;
    },
    answered() {
      last.current = { asked: "", key: "" };
    },
  };
}
