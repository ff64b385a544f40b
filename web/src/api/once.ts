/** Names a request. Browsers have randomUUID only where there is TLS. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** Makes a repeat of the same request harmless: its answer was lost, or the key was pressed twice. */
export const once = (key: string): RequestInit => ({ headers: { "Idempotency-Key": key } });
