import type { components } from "@/api/schema";

export type Proof = components["schemas"]["ProofView"];

/**
 * Computes in this browser what the proof claims: that the record's bytes have
 * their hash, and that the path leads from it to the root of the checkpoint
 * (RFC 6962). Whose signature the checkpoint has is for 'sallyport audit verify'.
 */
export async function checkProof(proof: Proof, bytes: Uint8Array): Promise<boolean> {
  const hash = await sha256(unhex(proof.prev_hash), bytes);
  if (hex(hash) !== proof.hash) return false;
  const [, size = "", root = ""] = proof.checkpoint.split("\n");
  let node = await sha256(Uint8Array.of(0), hash);
  let at = proof.seq - 1;
  let last = Number(size) - 1;
  for (const sibling of (proof.path ?? []).map(unbase64)) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      node = await sha256(Uint8Array.of(1), sibling, node);
      while (at % 2 === 0 && at !== 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    } else {
      node = await sha256(Uint8Array.of(1), node, sibling);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 && base64(node) === root;
}

/** Whether this browser can compute hashes: only with TLS, or on this machine. */
export const canCheck = () => !!globalThis.crypto?.subtle;

async function sha256(...parts: Uint8Array[]): Promise<Uint8Array> {
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all));
}

export function unbase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}
