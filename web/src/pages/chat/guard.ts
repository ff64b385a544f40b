// Text of models, tools and files is not trusted. What Markdown may become is
// listed here: elements, their attributes, and where a link may lead. All else is
// dropped before anything is drawn. Raw HTML never gets here: it is shown as text.

import type { Element, ElementContent, Root, Text } from "hast";

/** allowed names each element that Markdown can make, and the attributes that it keeps. */
const allowed: Record<string, string[]> = {
  a: ["href", "title"],
  blockquote: [],
  br: [],
  code: ["className", "metastring"],
  del: [],
  em: [],
  h1: [], h2: [], h3: [], h4: [], h5: [], h6: [],
  hr: [],
  img: ["alt", "src"],
  input: ["checked", "disabled", "type"],
  li: [],
  ol: ["start"],
  p: [],
  pre: [],
  section: [],
  strong: [],
  sup: [],
  table: [],
  tbody: [],
  td: ["align"],
  th: ["align"],
  thead: [],
  tr: [],
  ul: [],
};

/** classAllowed: the language of code, and what marks a formula. */
const classAllowed = /^(language-[\w+#.-]{1,40}|math|math-inline|math-display)$/;

/** guard is the rehype plugin that keeps what is allowed. Formulas are drawn after it. */
export function guard() {
  return (tree: Root) => {
    tree.children = tree.children.flatMap((child) => keep(child as ElementContent, false));
  };
}

function keep(node: ElementContent, inCode: boolean): ElementContent[] {
  if (node.type === "text") return [harmless(node, inCode)];
  if (node.type !== "element") return [];
  node.children = node.children.flatMap((child) => keep(child, inCode || node.tagName === "code"));
  const names = allowed[node.tagName];
  if (!names) return node.children; // the words stay, what held them goes
  node.properties = pick(node, names);
  return [node];
}

function pick(node: Element, names: string[]): Element["properties"] {
  const kept: Element["properties"] = {};
  for (const name of names) {
    const value = node.properties[name];
    if (value === undefined || value === null) continue;
    kept[name] = name === "className" ? [value].flat().filter((c) => classAllowed.test(String(c))).map(String) : value;
  }
  if (node.tagName === "input") Object.assign(kept, { type: "checkbox", disabled: true });
  return kept;
}

/** overrides are the characters that turn the order of what is drawn around. */
const overrides = /[\u202A-\u202E\u2066-\u2069]/g;

/** harmless: "gpj.exe" must not read "exe.jpg". Marks of direction stay. */
function harmless(text: Text, inCode: boolean): Text {
  text.value = inCode ? showOverrides(text.value) : withoutOverrides(text.value);
  return text;
}

export function withoutOverrides(text: string): string {
  return text.replace(overrides, "");
}

/** showOverrides makes them visible, for code, where each character counts. */
export function showOverrides(code: string): string {
  return code.replace(overrides, (c) => `⟦U+${c.charCodeAt(0).toString(16).toUpperCase()}⟧`);
}

/** safeLink returns the full address that a link leads to; undefined: it is no link that we open. */
export function safeLink(href: unknown): string | undefined {
  if (typeof href !== "string" || !/^(https?:\/\/|mailto:)/i.test(href)) return undefined;
  try {
    const url = new URL(href);
    return /^(https?|mailto):$/.test(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** Bounds of what is drawn as Markdown; what is over them is shown as plain text. */
export const markdownMax = 200_000;
export const nestingMax = 60;
export const lineMax = 20_000;

/**
 * isTooHeavy finds, in one pass, text that would keep the parser busy for long:
 * very long, very deep, or with marks without end in one line.
 */
export function isTooHeavy(text: string): boolean {
  if (text.length > markdownMax) return true;
  for (const line of text.split("\n")) {
    const marks = /^(?:\s*(?:[>*+-]|\d{1,9}[.)]))*/.exec(line)?.[0] ?? "";
    if (marks.replace(/\s/g, "").length > nestingMax || line.search(/\S/) > 4 * nestingMax) return true;
    if (line.length > 1_000 && isDense(line)) return true;
  }
  return false;
}

/** isDense: the parser's work grows with the square of the marks in one line. */
function isDense(line: string): boolean {
  return line.length > lineMax || (line.match(/[[\]*_`~$<|!]/g)?.length ?? 0) > 2_000;
}
