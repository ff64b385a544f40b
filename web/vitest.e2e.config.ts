import { defineConfig } from "vitest/config";

// The browser tests: each file has one server and one browser. Needs bin/sallyport.
export default defineConfig({
  test: {
    include: ["e2e/**/*.test.ts"],
    pool: "threads",
    maxWorkers: 2,
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});
