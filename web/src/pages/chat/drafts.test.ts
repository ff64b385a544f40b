import { beforeEach, describe, expect, it } from "vitest";
import { draftPrefix, forgetDrafts } from "@/session";
import { draftMax, Drafts, draftsMax } from "./drafts";

beforeEach(() => localStorage.clear());

describe("Drafts", () => {
  it("keeps one draft a conversation and person through a reload", () => {
    new Drafts("ann").write("c1", "hello");
    expect(new Drafts("ann").read("c1")).toBe("hello");
    expect(new Drafts("ann").read("c2")).toBe("");
    expect(new Drafts("bob").read("c1")).toBe("");
  });

  it("forgets a draft that was sent", () => {
    const d = new Drafts("ann");
    d.write("c1", "hello");
    d.write("c1", "");
    expect(localStorage).toHaveLength(0);
  });

  it("is cleared at sign-out, everybody's, and nothing else is", () => {
    new Drafts("ann").write("c1", "a");
    new Drafts("bob").write("c1", "b");
    localStorage.setItem("sallyport.theme", "dark");
    forgetDrafts();
    expect(Object.keys(localStorage)).toEqual(["sallyport.theme"]);
  });

  it("keeps the newest drafts and no more than its bound", () => {
    let now = 0;
    const d = new Drafts("ann", localStorage, () => ++now);
    for (let i = 0; i <= draftsMax; i++) d.write(`c${i}`, "x");
    expect(d.read("c0")).toBe("");
    expect(d.read(`c${draftsMax}`)).toBe("x");
    expect(localStorage).toHaveLength(draftsMax);
  });

  it("does not keep more than its bound of one", () => {
    new Drafts("ann").write("c1", "x".repeat(draftMax + 1));
    expect(localStorage).toHaveLength(0);
  });

  it("works where storage is forbidden, full or spoiled", () => {
    const full = { getItem: () => null, setItem: () => { throw new DOMException("full", "QuotaExceededError"); }, removeItem() {}, length: 0, key: () => null, clear() {} };
    expect(() => new Drafts("ann", full as unknown as Storage).write("c1", "x")).not.toThrow();
    expect(new Drafts("ann", undefined).read("c1")).toBe("");
    localStorage.setItem(`${draftPrefix}ann.c1`, "{spoiled");
    expect(new Drafts("ann").read("c1")).toBe("");
  });
});
