import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import tailwind from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const dist = fileURLToPath(new URL("dist/", import.meta.url));

/** Text is sent packed; what is smaller than this is not worth a second file. */
const packedMin = 1024;

/** Empties dist but for the file that keeps the folder, and packs what was built. */
function packed(): Plugin {
  return {
    name: "packed",
    apply: "build",
    buildStart() {
      for (const name of readdirSync(dist)) {
        if (name !== ".gitignore") rmSync(dist + name, { recursive: true });
      }
    },
    closeBundle() {
      for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
        if (!/\.(js|css|svg|json|txt)$/.test(name)) continue;
        const text = readFileSync(dist + name);
        if (text.length >= packedMin) writeFileSync(`${dist}${name}.gz`, gzipSync(text, { level: 9 }));
      }
    },
  };
}

interface Modules {
  getModuleInfo: (id: string) => { importedIds: readonly string[] } | null;
}

const entry = fileURLToPath(new URL("src/main.tsx", import.meta.url));
let shell: Set<string> | undefined;

/** Whether the shell needs a module before it runs. */
function inShell(id: string, modules: Modules): boolean {
  if (!shell) {
    shell = new Set([entry]);
    for (const module of shell) for (const needed of modules.getModuleInfo(module)?.importedIds ?? []) shell.add(needed);
  }
  return shell.has(id);
}

const shellPart = (id: string) => (/node_modules[\\/](react|scheduler)/.test(id) ? "react" : /node_modules[\\/]@tanstack/.test(id) ? "router" : "shell");

export default defineConfig({
  // Relative, so that the pages work under any prefix.
  base: "./",
  plugins: [react(), tailwind(), packed()],
  resolve: { alias: { "@": fileURLToPath(new URL("src", import.meta.url)) } },
  build: {
    emptyOutDir: false,
    // A data: address for a font would break the page's policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2023",
    chunkSizeWarningLimit: 4096, // scripts/sizes.js has the limits
    manifest: "manifest.json",
    // What pages share with the shell made it fifteen files, and what they share with
    // each other made chat twenty-seven; a slow line takes a while for each, and so does
    // asking for them. One file would be too few: scripts are compiled as they come.
    // docs/terminal-speed.md
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { debugName: "shell", priority: 1, name: (id, modules) => (inShell(id, modules) ? shellPart(id) : null) },
            { name: "parts", test: /[\\/]src[\\/](api|components)[\\/](?!Chart|Command|DataTable|Menu|Toasts|columns)/ },
          ],
        },
      },
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8080" } },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test/setup.ts"],
    // More than one for each core only lets them wait for each other.
    pool: "threads",
    maxWorkers: 2,
    testTimeout: 60_000,
    restoreMocks: true,
    unstubGlobals: true,
  },
});
