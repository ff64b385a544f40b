import { expect, test } from "vitest";
import { placeAfter } from "./placeAfter";

test.each([
  [undefined, "/chat"],
  ["", "/chat"],
  ["/runs?state=failed", "/runs?state=failed"],
  ["/sign-in?to=/sign-in", "/chat"],
  ["//evil.example", "/chat"],
  ["/\\evil.example", "/chat"],
  ["https://evil.example", "/chat"],
  ["javascript:alert(1)", "/chat"],
])("%s leads to %s", (to, want) => {
  expect(placeAfter(to)).toBe(want);
});
