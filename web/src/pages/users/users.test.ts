import { expect, test } from "vitest";
import { addressesIn, filterOf } from "./users";

test("addresses are found in what people paste, each once", () => {
  expect(addressesIn('Ann <Ann@acme.test>, bob@acme.test;\n"Carl" carl@acme.test ann@acme.test and nobody')).toEqual([
    "ann@acme.test",
    "bob@acme.test",
    "carl@acme.test",
  ]);
  expect(addressesIn(" \n,;")).toEqual([]);
});

test("an address with nonsense is no filter", () => {
  expect(filterOf({ q: "ann", role: "owner", state: "active", group: "" })).toEqual({ q: "ann", state: "active" });
});
