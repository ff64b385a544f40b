import { toast } from "sonner";
import { open } from "@/api/client";

/**
 * Saves what the server streams as a file, under the name that it gives. The
 * page stays what it is: a refusal is told in a toast. The browser holds the
 * file until all of it has come.
 */
export async function save(path: string): Promise<void> {
  try {
    const response = await open(path);
    saveBlob(await response.blob(), nameOf(response) ?? "download");
  } catch (failure) {
    toast.error(failure instanceof Error ? failure.message : String(failure));
  }
}

/** Saves what the page has itself, without any server. */
export function saveText(text: string, name: string, type = "text/plain;charset=utf-8"): void {
  saveBlob(new Blob([text], { type }), name);
}

function saveBlob(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href)); // after the browser has taken it
}

/** As the server writes it: attachment; filename="users.csv", or filename*=UTF-8''… for other letters. */
function nameOf(response: Response): string | undefined {
  const given = response.headers.get("Content-Disposition") ?? "";
  const wide = /filename\*=utf-8''([^;]+)/i.exec(given)?.[1];
  if (wide) return decodeURIComponent(wide);
  const [, quoted, word] = /filename=(?:"((?:[^"\\]|\\.)*)"|([^";]+))/i.exec(given) ?? [];
  return quoted?.replace(/\\(.)/g, "$1") ?? word;
}
