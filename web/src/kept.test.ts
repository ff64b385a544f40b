import { expect, test, vi } from "vitest";
import { forget, keep, kept } from "./kept";

test("what is kept is found, until it is forgotten", () => {
  expect(kept("sallyport.x")).toBeNull();
  expect(keep("sallyport.x", "1")).toBe(true);
  keep("sallyport.y", "2", "sessionStorage");
  expect([kept("sallyport.x"), kept("sallyport.y", "sessionStorage")]).toEqual(["1", "2"]);
  forget("sallyport.");
  expect([kept("sallyport.x"), kept("sallyport.y", "sessionStorage")]).toEqual([null, null]);
});

test("a browser that keeps nothing breaks nothing", async () => {
  const whole = Object.getOwnPropertyDescriptor(window, "localStorage");
  Object.defineProperty(window, "localStorage", {
    configurable: true,
    get() {
      throw new DOMException("denied", "SecurityError");
    },
  });
  try {
    expect(keep("sallyport.x", "1")).toBe(false);
    expect(kept("sallyport.x")).toBeNull();
    forget("sallyport.");
    vi.resetModules();
    const { setLetters } = await import("./shell/shortcuts");
    setLetters(false);
    await import("./shell/Rail");
  } finally {
    Object.defineProperty(window, "localStorage", whole ?? { configurable: true, value: undefined });
  }
});
