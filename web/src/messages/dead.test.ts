import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const files = (folder: string, wanted: RegExp) => readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => wanted.test(name)).map((name) => `${folder}/${name}`);

const sources = files("src", /\.tsx?$/)
  .filter((name) => !/\.test\.|schema\.d\.ts$|^src\/messages\//.test(name))
  .map((name) => readFileSync(name, "utf8"))
  .join("\n");

/** Names that are put together, as in t(`users.${role}`): what stands before the "$". */
const stems = [...new Set([...sources.matchAll(/`([a-z]+\.\w*)\$\{/g)].map(([, stem = ""]) => stem))];

test.each(files("src/messages/en", /\.ts$/))("every message of %s is shown somewhere", async (file) => {
  const noun = /(\w+)\.ts$/.exec(file)?.[1] ?? "";
  const { default: messages } = (await import(`./en/${noun}.ts`)) as { default: Record<string, string> };
  const dead = Object.keys(messages)
    .map((name) => `${noun}.${name}`)
    .filter((key) => !sources.includes(`"${key}"`) && !stems.some((stem) => key.startsWith(stem)));
  expect(dead).toEqual([]);
});
