import { expect, test } from "vitest";
import { format } from "./format";

const rows = "{n, plural, =0 {No rows} one {# row in {where}} other {# rows in {where}}}.";

test.each([
  ["Hello", {}, "Hello"],
  ["Hello {name}!", { name: "Ann" }, "Hello Ann!"],
  [rows, { n: 0, where: "A" }, "No rows."],
  [rows, { n: 1, where: "A" }, "1 row in A."],
  [rows, { n: 1200, where: "A" }, "1,200 rows in A."],
])("%s with %o", (message, values, want) => {
  expect(format(message, values as Record<string, string | number>, "en")).toBe(want);
});

test("a missing value is a mistake", () => {
  expect(() => format("Hello {name}", {}, "en")).toThrow("name");
});
