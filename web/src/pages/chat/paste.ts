// A long paste stays in the text, as every paste does, and is offered as a file.

/** From these sizes on a paste reads better as a file. */
export const pasteLengthMin = 4_000;
export const pasteLinesMin = 60;

export type PasteOffer = { text: string; lines: number; name: string; type: string };

/** offerFile returns what the paste would be called as a file; undefined: it is short. */
export function offerFile(text: string): PasteOffer | undefined {
  const lines = text.split(/\r\n|\n|\r/).length;
  if (text.length < pasteLengthMin && lines < pasteLinesMin) return undefined;
  return { text, lines, ...kindOf(text) };
}

function kindOf(text: string): { name: string; type: string } {
  const head = text.trimStart().slice(0, 400);
  if (/^[[{]/.test(head) && isJSON(text)) return { name: "pasted.json", type: "application/json" };
  if (/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d|^<\d+>|^\w{3} +\d+ \d\d:\d\d:\d\d/.test(head)) return { name: "pasted.log", type: "text/plain" };
  if (/^#{1,6} /m.test(head)) return { name: "pasted.md", type: "text/markdown" };
  if (head.split("\n").slice(0, 3).every((line) => (line.match(/,/g)?.length ?? 0) >= 2)) return { name: "pasted.csv", type: "text/csv" };
  return { name: "pasted.txt", type: "text/plain" };
}

function isJSON(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** withoutPaste takes the pasted text out of the draft again; undefined: it has been edited since. */
export function withoutPaste(draft: string, pasted: string): string | undefined {
  const normal = pasted.replace(/\r\n?/g, "\n"); // what a text field makes of it
  const at = draft.lastIndexOf(normal);
  return at < 0 ? undefined : draft.slice(0, at) + draft.slice(at + normal.length);
}
