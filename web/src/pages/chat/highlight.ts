// Colours for code. Languages are fetched when code in them is shown, from our own
// files; the engine is plain JavaScript, so the page's policy needs no exception.

import { createHighlighterCore, type HighlighterCore, type LanguageInput } from "shiki/core";
import { createCssVariablesTheme } from "shiki/core";
import { createJavaScriptRegexEngine } from "shiki/engine/javascript";

export type Token = { text: string; color?: string; style: number };

const languages: Record<string, () => Promise<{ default: unknown }>> = {
  bash: () => import("shiki/langs/bash.mjs"),
  c: () => import("shiki/langs/c.mjs"),
  css: () => import("shiki/langs/css.mjs"),
  diff: () => import("shiki/langs/diff.mjs"),
  go: () => import("shiki/langs/go.mjs"),
  html: () => import("shiki/langs/html.mjs"),
  ini: () => import("shiki/langs/ini.mjs"),
  java: () => import("shiki/langs/java.mjs"),
  javascript: () => import("shiki/langs/javascript.mjs"),
  json: () => import("shiki/langs/json.mjs"),
  powershell: () => import("shiki/langs/powershell.mjs"),
  python: () => import("shiki/langs/python.mjs"),
  rust: () => import("shiki/langs/rust.mjs"),
  sql: () => import("shiki/langs/sql.mjs"),
  typescript: () => import("shiki/langs/typescript.mjs"),
  yaml: () => import("shiki/langs/yaml.mjs"),
};

const aliases: Record<string, string> = {
  sh: "bash", shell: "bash", shellscript: "bash", zsh: "bash", console: "bash",
  h: "c", golang: "go", js: "javascript", jsx: "javascript", mjs: "javascript", ts: "typescript", tsx: "typescript",
  jsonc: "json", json5: "json", py: "python", rs: "rust", ps1: "powershell", yml: "yaml", toml: "ini",
  postgresql: "sql", sqlite: "sql", patch: "diff", xml: "html", svg: "html",
};

/** highlightMax bounds, in characters, what is coloured; longer code stays plain. */
export const highlightMax = 60_000;

const theme = createCssVariablesTheme({ name: "tokens", variablePrefix: "--code-", fontStyle: true });

let core: Promise<HighlighterCore> | undefined;

/** highlight returns the lines of code as tokens; undefined: it stays plain. */
export async function highlight(code: string, language: string): Promise<Token[][] | undefined> {
  const name = aliases[language] ?? language;
  const load = Object.hasOwn(languages, name) ? languages[name] : undefined;
  if (!load || code.length > highlightMax) return undefined;
  core ??= createHighlighterCore({ engine: createJavaScriptRegexEngine({ forgiving: true }), themes: [theme] });
  const highlighter = await core;
  await highlighter.loadLanguage(load as LanguageInput);
  return highlighter
    .codeToTokensBase(code, { lang: name, theme: "tokens" })
    .map((line) => line.map((t) => ({ text: t.content, color: t.color, style: t.fontStyle ?? 0 })));
}
