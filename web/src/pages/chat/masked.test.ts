import { expect, it } from "vitest";
import type { Masked } from "./message";
import { segmentsOf, unplaced } from "./masked";

const email = (...at: [number, number][]): Masked => ({
  type: "EMAIL_ADDRESS", label: "email address", action: "tokenize", count: at.length, at: at.map(([start, end]) => ({ start, end })),
});
const name = { label: "email address", action: "tokenize" };

it("cuts the text where values were replaced, and loses nothing of it", () => {
  const segments = segmentsOf("write to a@b.c or d@e.f!", [email([9, 14], [18, 23])]);
  expect(segments).toEqual([{ text: "write to " }, { text: "a@b.c", masked: name }, { text: " or " }, { text: "d@e.f", masked: name }, { text: "!" }]);
  expect(segments.map((s) => s.text).join("")).toBe("write to a@b.c or d@e.f!");
});

it("leaves out places that overlap or do not fit", () => {
  const segments = segmentsOf("a@b.c", [email([0, 5], [2, 4], [4, 99], [3, 3])]);
  expect(segments).toEqual([{ text: "a@b.c", masked: name }]);
});

it("counts what was replaced elsewhere", () => {
  expect(unplaced([{ ...email([0, 5]), count: 3 }, email([0, 1])])).toMatchObject([{ count: 2 }]);
});
