import { addressOf, open } from "@/api/client";
import { tellFailure } from "./tell";

/**
 * How many bytes of a file are held at most. Of what is larger only the beginning is
 * read here, which tells whether the server gives it at all.
 */
export const heldMax = 32 * 1024 * 1024;

/**
 * Saves what the server streams as a file, under the name that it gives. The page stays
 * what it is: a refusal is told in a toast. A file that is too large to hold is asked for
 * once more by the browser itself, which writes it to disk as it comes; the trail has
 * both.
 */
export async function save(path: string): Promise<void> {
  try {
    const response = await open(path);
    const file = await held(response);
    if (file) saveBlob(file, nameOf(response) ?? "download");
    else follow(addressOf(path), "");
  } catch (failure) {
    void tellFailure(failure);
  }
}

/** All that an answer says, or nothing when it is too large: then the rest is not read. */
async function held(response: Response): Promise<Blob | undefined> {
  if (!response.body) return response.blob();
  const reader = response.body.getReader();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (let size = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return new Blob(pieces, { type: response.headers.get("Content-Type") ?? "" });
    size += value.length;
    if (size > heldMax) {
      await reader.cancel();
      return undefined;
    }
    pieces.push(value);
  }
}

/** Saves what the page has itself, without any server. */
export function saveText(text: string, name: string, type = "text/plain;charset=utf-8"): void {
  saveBlob(new Blob([text], { type }), name);
}

function saveBlob(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  follow(address, name);
  setTimeout(() => URL.revokeObjectURL(address)); // after the browser has taken it
}

/** Lets the browser save what is at an address. A name that the server gives goes before this one. */
function follow(address: string, name: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}

/** As the server writes it: attachment; filename="users.csv", or filename*=UTF-8''… for other letters. */
function nameOf(response: Response): string | undefined {
  const given = response.headers.get("Content-Disposition") ?? "";
  const wide = /filename\*=utf-8''([^;]+)/i.exec(given)?.[1];
  if (wide) return decodeURIComponent(wide);
  const [, quoted, word] = /filename=(?:"((?:[^"\\]|\\.)*)"|([^";]+))/i.exec(given) ?? [];
  return quoted?.replace(/\\(.)/g, "$1") ?? word;
}
