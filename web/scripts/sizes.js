// Checks what was built against the budgets of the Terminal: how much script a
// page loads, packed, and that no file names an address elsewhere that a
// browser would load from.
//
//   node scripts/sizes.js

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const manifest = JSON.parse(readFileSync(`${dist}manifest.json`, "utf8"));

/** Packed script in bytes: of the shell, of the first load of chat, and of any other page on top of the shell. */
const budgets = { shell: 150_000, chat: 330_000, page: 150_000 };

/** Files that index.html has a browser load at once. */
const filesMax = 6;

const chat = "src/pages/chat/index.tsx";
const entry = Object.keys(manifest).find((name) => manifest[name].name === "shell"); // see vite.config.ts

/** All files that a chunk needs before it runs. */
function filesOf(name, seen = new Set()) {
  const chunk = manifest[name];
  if (!chunk || seen.has(chunk.file)) return seen;
  seen.add(chunk.file);
  for (const needed of chunk.imports ?? []) filesOf(needed, seen);
  return seen;
}

function packed(file) {
  const names = [`${file}.gz`, file];
  for (const name of names) {
    try {
      return readFileSync(dist + name).length;
    } catch {
      // What is small has no packed twin.
    }
  }
  throw new Error(`${file} was not built`);
}

const sum = (files) => [...files].reduce((total, file) => total + packed(file), 0);

const shell = filesOf(entry);
const failures = [];
function check(what, size, budget) {
  const line = `${what}: ${(size / 1000).toFixed(0)} kB of ${budget / 1000} kB`;
  console.log(line);
  if (size > budget) failures.push(line);
}

check("shell", sum(shell), budgets.shell);
// The pages are what the router loads.
for (const name of manifest[entry].dynamicImports.filter((n) => n.startsWith("src/pages/"))) {
  const own = [...filesOf(name)].filter((file) => !shell.has(file));
  if (name === chat) check(name, sum(shell) + sum(own), budgets.chat);
  else check(name, sum(own), budgets.page);
}

// Each file that the first paint waits for costs a slow line more than its bytes.
const waited = readFileSync(`${dist}index.html`, "utf8").match(/<script [^>]*src=|<link [^>]*rel="(?:modulepreload|stylesheet)"/g).length;
console.log(`files before the first paint: ${waited} of ${filesMax}`);
if (waited > filesMax) failures.push(`${waited} files before the first paint, of ${filesMax}`);

// Addresses in scripts are mostly names of standards and links in messages of
// libraries. What loads by itself stands in attributes and style sheets.
const loads = /(?:\b(?:src|href|action|poster)\s*=\s*["']|url\(\s*["']?|@import\s+["'])\s*(?:https?:)?\/\/[^"')\s]+/g;
for (const file of readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((n) => /\.(html|css)$/.test(n))) {
  for (const [found] of readFileSync(dist + file, "utf8").matchAll(loads)) failures.push(`${file} loads from elsewhere: ${found}`);
}

if (failures.length > 0) {
  console.error(`\nOver the budgets of the Terminal:\n  ${failures.join("\n  ")}`);
  process.exit(1);
}
