import { describe, expect, it } from "vitest";
import { Follow, scrollsUp } from "./follow";

/** reader is a page of 1,000 that is read through a view of 100. */
function reader() {
  const follow = new Follow();
  const box = { top: 900, height: 1000, view: 100 };
  follow.scrolled({ ...box });
  return {
    follow,
    scroll(by: number) {
      box.top = Math.min(box.height - box.view, Math.max(0, box.top + by));
      follow.scrolled({ ...box });
    },
    grow(by: number) {
      box.height += by;
      if (follow.following) box.top = box.height - box.view;
      else box.top = Math.min(box.top, box.height - box.view);
      follow.scrolled({ ...box });
    },
    pull() {
      follow.pulledUp({ ...box });
    },
    below: () => box.height - box.view - box.top,
  };
}

describe("Follow", () => {
  it("follows an answer that grows while the reader is at the bottom", () => {
    const r = reader();
    for (let i = 0; i < 20; i++) r.grow(37);
    expect([r.follow.following, r.below()]).toEqual([true, 0]);
  });

  it.each([1, 5, 15, 16, 17, 300])("stops at an upward scroll of %d, and stays while the answer grows", (by) => {
    const r = reader();
    r.scroll(-by);
    expect(r.follow.following).toBe(false);
    for (let i = 0; i < 5; i++) r.grow(40);
    expect([r.follow.following, r.below()]).toEqual([false, by + 200]);
  });

  it("stops at the wheel before the page has moved", () => {
    const r = reader();
    r.pull();
    r.grow(40);
    expect([r.follow.following, r.below()]).toEqual([false, 40]);
  });

  it("goes on when the reader has come back to the bottom", () => {
    const r = reader();
    r.scroll(-200);
    r.scroll(150);
    expect(r.follow.following).toBe(false);
    r.scroll(50);
    expect(r.follow.following).toBe(true);
  });

  it("goes on at the button", () => {
    const r = reader();
    r.scroll(-200);
    r.follow.latest();
    r.grow(40);
    expect(r.below()).toBe(0);
  });

  it("does not take a page that shrinks for a scroll", () => {
    const r = reader();
    r.grow(-300);
    expect(r.follow.following).toBe(true);
  });

  it("does not take a page that shrinks for a return to the bottom of who has scrolled far up", () => {
    const r = reader();
    r.scroll(-500);
    r.grow(-100);
    expect(r.follow.following).toBe(false);
  });

  it("takes no wheel for a scroll where there is nothing to scroll", () => {
    const f = new Follow();
    f.pulledUp({ top: 0, height: 100, view: 100 });
    expect(f.following).toBe(true);
  });

  it("knows the keys", () => {
    expect(["ArrowUp", "PageUp", "Home", "ArrowDown", "End", "a"].map(scrollsUp)).toEqual([true, true, true, false, false, false]);
  });
});
