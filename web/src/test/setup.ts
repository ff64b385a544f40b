import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

// How long something that must appear may take on a busy machine.
configure({ asyncUtilTimeout: 25_000 });

// What jsdom has not: a layout, and what Radix asks a browser.
for (const [name, size] of [["offsetWidth", 1200], ["offsetHeight", 800], ["clientWidth", 1200], ["clientHeight", 800]] as const) {
  Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => size });
}
window.matchMedia ??= (query: string) =>
  ({ matches: false, media: query, addEventListener() {}, removeEventListener() {} }) as unknown as MediaQueryList;
globalThis.ResizeObserver ??= class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
Element.prototype.scrollIntoView ??= () => {};
Element.prototype.hasPointerCapture ??= () => false;
Element.prototype.setPointerCapture ??= () => {};
Element.prototype.scrollTo ??= () => {};
window.scrollTo = () => {};

afterEach(() => {
  cleanup();
  localStorage.clear();
  sessionStorage.clear();
});
