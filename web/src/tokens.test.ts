import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const css = readFileSync("src/tokens.css", "utf8");
const codeCss = readFileSync("src/pages/chat/markdown.css", "utf8");

function theme(css: string, selector: string): Record<string, string> {
  const block = css.slice(css.indexOf(`${selector} {`)).split("}")[0] ?? "";
  return Object.fromEntries([...block.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map((m) => [m[1], m[2]]));
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => {
    const c = parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

const grounds = ["page", "surface", "sunken"];
const text = 4.5;
const edge = 3;

const pairs: [string, string, number][] = [
  ...grounds.flatMap((ground): [string, string, number][] => [
    ["text", ground, text],
    ["muted", ground, text],
    ["accent-text", ground, text],
    ["ok", ground, text],
    ["warn", ground, text],
    ["bad", ground, text],
    ["edge", ground, edge],
    ["focus", ground, edge],
  ]),
  ["text", "accent-soft", text],
  ["accent-text", "accent-soft", text],
  ["muted", "accent-soft", text],
  ["on-accent", "accent", text],
  ["on-bad", "bad-fill", text],
  ["ok", "ok-soft", text],
  ["warn", "warn-soft", text],
  ["bad", "bad-soft", text],
  ["text", "ok-soft", text],
  ["text", "warn-soft", text],
  ["text", "bad-soft", text],
];

for (const [name, selector] of [
  ["light", ":root"],
  ["dark", ".dark"],
] as const) {
  const tokens = theme(css, selector);
  test.each(pairs)(`${name}: %s on %s has at least %f:1`, (front, back, least) => {
    const got = contrast(tokens[front] ?? "missing", tokens[back] ?? "missing");
    expect(got).toBeGreaterThanOrEqual(least);
  });
  test(`${name}: the colours of code on their ground`, () => {
    const colours = Object.entries(theme(codeCss, selector));
    expect(colours.length).toBeGreaterThan(10);
    const faint = colours.filter(([, colour]) => contrast(colour, tokens["sunken"] ?? "missing") < text);
    expect(faint).toEqual([]);
  });
}
