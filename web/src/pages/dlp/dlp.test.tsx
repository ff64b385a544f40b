import { expect, test } from "vitest";
import { pieces, withRule } from "./data";

test("places are bytes, texts are characters", () => {
  const hit = (start: number, end: number) => ({ start, end, type: "T", category: "c", action: "redact" });
  expect(pieces("é a@b 👍", [hit(3, 6)]).map((p) => [p.text, !!p.hit])).toEqual([["é ", false], ["a@b", true], [" 👍", false]]);
  expect(pieces("short", [hit(0, 99)])).toEqual([{ text: "short" }]);
  expect(withRule({ a: "keep" }, "b", "block")).toEqual({ a: "keep", b: "block" });
  expect(withRule({ a: "keep" }, "a", "")).toEqual({});
});
