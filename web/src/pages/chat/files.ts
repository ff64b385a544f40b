// Files that go with a message: images, and text. They are read here and sent with
// the message; the server looks at their bytes again and does not believe names.

import { t } from "@/messages";
import type { Upload } from "./calls";

/** The bounds are the server's. */
export const filesMax = 10;
export const imageMax = 8 << 20;
export const textMax = 1 << 20;
export const totalMax = 16 << 20;
export const imageTypes = ["image/png", "image/jpeg", "image/gif", "image/webp"];

export type FileItem = {
  id: string;
  file: File;
  state: "reading" | "ready" | "failed";
  /** 0 to 1. */
  progress: number;
  data?: string;
  problem?: string;
};

/** problemWith says why a file cannot be sent; undefined: it can, as far as is known before it is read. */
export function problemWith(file: File): string | undefined {
  const image = imageTypes.includes(file.type);
  if (!image && /^(image|audio|video|font)\/|^application\/(pdf|zip|gzip|msword|vnd\.|octet-stream)/.test(file.type)) return t("chat.fileType");
  if (file.size === 0) return t("chat.fileEmpty");
  if (file.size > (image ? imageMax : textMax)) return t("chat.fileLarge", { max: size(image ? imageMax : textMax) });
  return undefined;
}

/** readFile gives the bytes in base64, and rejects what is neither an image nor text. */
export function readFile(file: File, onProgress: (part: number) => void, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    signal.addEventListener("abort", () => reader.abort(), { once: true });
    reader.onprogress = (e) => e.lengthComputable && onProgress(e.loaded / e.total);
    reader.onabort = () => reject(new DOMException("aborted", "AbortError"));
    reader.onerror = () => reject(new Error(t("chat.fileUnread")));
    reader.onload = () => {
      const bytes = new Uint8Array(reader.result as ArrayBuffer);
      if (!imageTypes.includes(file.type) && !isText(bytes)) reject(new Error(t("chat.fileType")));
      else resolve(base64(bytes));
    };
    reader.readAsArrayBuffer(file);
  });
}

/** isText: UTF-8 without control characters, as the server sees it. */
export function isText(bytes: Uint8Array): boolean {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return !/[\u0000-\u0008\u000B\u000E-\u001F\u007F-\u009F]/.test(text);
  } catch {
    return false;
  }
}

/** base64Step is a multiple of three, so that the pieces can be joined. */
const base64Step = 0x6000;

export function base64(bytes: Uint8Array): string {
  let out = "";
  for (let at = 0; at < bytes.length; at += base64Step) {
    out += btoa(String.fromCharCode(...bytes.subarray(at, at + base64Step)));
  }
  return out;
}

export function uploadsOf(items: FileItem[]): Upload[] {
  return items.flatMap((i) => (i.state === "ready" && i.data !== undefined ? [{ name: i.file.name, type: i.file.type, data: i.data }] : []));
}

/** whatIsOver says which bound of all files together is passed. */
export function whatIsOver(items: FileItem[]): string | undefined {
  if (items.length > filesMax) return t("chat.filesMany", { max: filesMax });
  if (items.reduce((sum, i) => sum + i.file.size, 0) > totalMax) return t("chat.filesLarge", { max: size(totalMax) });
  return undefined;
}

const units = ["B", "KiB", "MiB"];

/** size writes bytes as people read them. */
export function size(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${amount >= 10 || Number.isInteger(amount) ? Math.round(amount) : amount.toFixed(1)} ${units[unit]}`;
}
