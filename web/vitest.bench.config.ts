import { defineConfig } from "vitest/config";

// How fast the Terminal is in a browser: make ui-bench. Needs bin/sallyport.
export default defineConfig({
  test: {
    include: ["e2e/speed.bench.ts"],
    testTimeout: 900_000,
    hookTimeout: 240_000,
  },
});
