import { describe, expect, it } from "vitest";
import { offerFile, pasteLengthMin, pasteLinesMin, withoutPaste } from "./paste";

const lines = (n: number, line = "word") => Array.from({ length: n }, () => line).join("\n");

describe("offerFile", () => {
  it("leaves short pastes alone", () => {
    expect(offerFile("hello")).toBeUndefined();
    expect(offerFile(lines(pasteLinesMin - 1))).toBeUndefined();
  });

  it("offers many lines and long lines", () => {
    expect(offerFile(lines(pasteLinesMin))).toMatchObject({ lines: pasteLinesMin, name: "pasted.txt", type: "text/plain" });
    expect(offerFile("x".repeat(pasteLengthMin))).toMatchObject({ lines: 1 });
  });

  it.each([
    [JSON.stringify(Array.from({ length: 2000 }, (_, i) => i)), "pasted.json"],
    [lines(100, "2026-01-02T03:04:05Z started"), "pasted.log"],
    [`# Title\n${lines(100)}`, "pasted.md"],
    [lines(100, "a,b,c"), "pasted.csv"],
    [`[${lines(100)}`, "pasted.txt"],
  ])("names it after what it is (%#)", (text, name) => {
    expect(offerFile(text)?.name).toBe(name);
  });
});

describe("withoutPaste", () => {
  it("takes the paste out and keeps what was typed around it", () => {
    expect(withoutPaste("before a\nb after", "a\r\nb")).toBe("before  after");
  });

  it("leaves a draft alone in which it was edited", () => {
    expect(withoutPaste("before aXb after", "ab")).toBeUndefined();
  });
});
