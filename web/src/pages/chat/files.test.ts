import { describe, expect, it } from "vitest";
import { base64, filesMax, imageMax, isText, problemWith, readFile, size, textMax, totalMax, whatIsOver, type FileItem } from "./files";

/** sized is a file that says how large it is without being so. */
function sized(name: string, type: string, bytes: number): File {
  const file = new File(["x"], name, { type });
  Object.defineProperty(file, "size", { value: bytes });
  return file;
}
const item = (file: File): FileItem => ({ id: file.name, file, state: "ready", progress: 1 });

describe("files", () => {
  it.each([
    ["a.png", "image/png", imageMax, undefined],
    ["a.png", "image/png", imageMax + 1, "The file is larger than 8 MiB."],
    ["a.txt", "text/plain", textMax, undefined],
    ["a.txt", "text/plain", textMax + 1, "The file is larger than 1 MiB."],
    ["a.go", "", 10, undefined],
    ["a.json", "application/json", 10, undefined],
    ["a.svg", "image/svg+xml", 10, "Only images (PNG, JPEG, GIF, WebP) and text can be sent."],
    ["a.pdf", "application/pdf", 10, "Only images (PNG, JPEG, GIF, WebP) and text can be sent."],
    ["a.txt", "text/plain", 0, "The file is empty."],
  ])("%s of %s with %d bytes: %s", (name, type, bytes, want) => expect(problemWith(sized(name, type, bytes))).toBe(want));

  it("are bound together", () => {
    const many = Array.from({ length: filesMax + 1 }, (_, i) => item(sized(`${i}`, "text/plain", 1)));
    expect(whatIsOver(many)).toBe("A message takes 10 files at most.");
    expect(whatIsOver(many.slice(1))).toBeUndefined();
    expect(whatIsOver([item(sized("a", "image/png", totalMax)), item(sized("b", "text/plain", 1))])).toBe("The files of a message may have 16 MiB together.");
  });

  it("are read as base64, also large ones", async () => {
    const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
    expect(base64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
    const progress: number[] = [];
    const data = await readFile(new File(["Grüße"], "a.txt", { type: "text/plain" }), (p) => progress.push(p), new AbortController().signal);
    expect(Buffer.from(data, "base64").toString()).toBe("Grüße");
  });

  it("that are no text are refused, whatever their name says", async () => {
    await expect(readFile(new File([Uint8Array.of(0xff, 0xfe, 0)], "a.txt", { type: "text/plain" }), () => {}, new AbortController().signal)).rejects.toThrow("Only images");
  });

  it("stop being read when they are cancelled", async () => {
    const control = new AbortController();
    const reading = readFile(new File(["x".repeat(1 << 20)], "a.txt"), () => {}, control.signal);
    control.abort();
    await expect(reading).rejects.toThrow("aborted");
  });

  it("tells text from bytes", () => {
    const text = (s: string) => new TextEncoder().encode(s);
    expect([text("a\tb\r\nü"), text("a\u0000"), text("\u001b[0m"), Uint8Array.of(0xc3)].map(isText)).toEqual([true, false, false, false]);
  });

  it.each([[0, "0 B"], [1023, "1023 B"], [1536, "1.5 KiB"], [8 << 20, "8 MiB"], [10 << 20, "10 MiB"]])("%d bytes are %s", (bytes, want) => expect(size(bytes)).toBe(want));
});
