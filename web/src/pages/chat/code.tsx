import { useEffect, useState } from "react";
import { useIsCodeFenceIncomplete, type ExtraProps } from "streamdown";
import { CopyButton } from "@/components/CopyButton";
import { saveText } from "@/components/save";
import { t } from "@/messages";
import { Diagram } from "./diagram";
import { showOverrides } from "./guard";
import type { Token } from "./highlight";

type Node = NonNullable<ExtraProps["node"]>;

/** Fence is a block of code: its language, copy, wrap and download, or the diagram that it describes. */
export function Fence({ node }: ExtraProps) {
  const open = useIsCodeFenceIncomplete();
  const { code, language } = read(node);
  if (language === "mermaid" && !open) return <Diagram source={code} />;
  return <Code code={code} language={language} open={open} />;
}

function read(pre: ExtraProps["node"]): { code: string; language: string } {
  const code = pre?.children.find((c): c is Node => c.type === "element" && c.tagName === "code");
  const names = [code?.properties.className].flat().map(String);
  const language = names.find((n) => n.startsWith("language-"))?.slice("language-".length) ?? "";
  return { code: textOf(code), language: language.toLowerCase() };
}

function textOf(node: Node | undefined): string {
  return (node?.children ?? []).map((c) => (c.type === "text" ? c.value : c.type === "element" ? textOf(c) : "")).join("");
}

/** Code is shown plain while it is being written, and in colours when its end has come. */
export function Code({ code, language, open }: { code: string; language: string; open: boolean }) {
  const [wrapped, setWrapped] = useState(false);
  const shown = showOverrides(code.replace(/\n$/, ""));
  const lines = useColours(shown, language, open);
  return (
    <figure className="my-3 overflow-hidden rounded-md border border-line bg-sunken" data-code={language || "text"}>
      <figcaption className="flex h-9 items-center gap-1 border-b border-line px-3 text-xs text-muted">
        <span className="me-auto font-mono">{language || t("chat.codeText")}</span>
        <Small pressed={wrapped} onClick={() => setWrapped(!wrapped)}>{t("chat.codeWrap")}</Small>
        <Small onClick={() => saveText(code, fileName(language))}>{t("chat.codeDownload")}</Small>
        <CopyButton text={code} what={t("chat.codeWord")} />
      </figcaption>
      <pre
        tabIndex={0}
        aria-label={t("chat.codeLabel", { language: language || t("chat.codeText") })}
        dir="ltr"
        className={`max-h-[32rem] overflow-auto p-3 font-mono text-sm ${wrapped ? "break-words whitespace-pre-wrap" : ""}`}
      >
        <code>{lines ? lines.map(drawLine) : shown}</code>
      </pre>
    </figure>
  );
}

function Small({ pressed, onClick, children }: { pressed?: boolean; onClick: () => void; children: string }) {
  return (
    <button type="button" aria-pressed={pressed} onClick={onClick} className="min-h-6 rounded px-2 hover:bg-surface hover:text-text aria-pressed:text-text">
      {children}
    </button>
  );
}

const italic = 1;
const bold = 2;

function drawLine(tokens: Token[], i: number) {
  return (
    <span key={i}>
      {i > 0 && "\n"}
      {tokens.map((token, j) => (
        <span
          key={j}
          style={{
            color: token.color,
            fontStyle: token.style & italic ? "italic" : undefined,
            fontWeight: token.style & bold ? 600 : undefined,
          }}
        >
          {token.text}
        </span>
      ))}
    </span>
  );
}

function useColours(code: string, language: string, open: boolean): Token[][] | undefined {
  const [found, setFound] = useState<{ code: string; lines?: Token[][] }>();
  useEffect(() => {
    if (open || language === "") return;
    let current = true;
    import("./highlight")
      .then((m) => m.highlight(code, language))
      .then((lines) => current && setFound({ code, lines }))
      .catch(() => {}); // plain is good enough
    return () => {
      current = false;
    };
  }, [code, language, open]);
  return found?.code === code ? found.lines : undefined;
}

const endings: Record<string, string> = {
  bash: "sh", sh: "sh", python: "py", javascript: "js", typescript: "ts", markdown: "md", rust: "rs",
  powershell: "ps1", text: "txt", csharp: "cs", kotlin: "kt", ruby: "rb", shell: "sh",
};

function fileName(language: string): string {
  const ending = endings[language] ?? (/^[a-z]{1,5}$/.test(language) ? language : "txt");
  return `code.${ending}`;
}
