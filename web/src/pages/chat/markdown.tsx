// Draws text that nobody vouches for: of models, tools and files. See guard.ts for
// what it may become. Nothing in it is fetched, run or styled.

import { Component, memo, useEffect, useMemo, useState, type ComponentProps, type ReactNode } from "react";
import { defaultRemarkPlugins, Streamdown, type Components, type ExtraProps, type MathPlugin } from "streamdown";
import { t } from "@/messages";
import { Fence } from "./code";
import { guard, isTooHeavy } from "./guard";
import { SafeLink } from "./link";
import { hasMath, withDollars } from "./mathtext";
import { Plain } from "./plain";
import { Table } from "./table";
import "./markdown.css";

type Props = {
  text: string;
  /** The text still grows: what is open at its end is closed for drawing. */
  streaming?: boolean;
};

/** Markdown is drawn block by block: while a text grows, only its last block is parsed again. */
export const Markdown = memo(function Markdown({ text, streaming = false }: Props) {
  const math = useMath(hasMath(text));
  const heavy = useMemo(() => isTooHeavy(text), [text]);
  const plugins = useMemo(() => (math ? { math } : undefined), [math]);
  if (heavy) return <Plain text={text} note={t("chat.markdownHeavy")} />;
  return (
    <Safe text={text}>
      <Streamdown
        className="markdown"
        components={components}
        controls={false}
        dir="auto"
        isAnimating={streaming}
        linkSafety={notTheirs}
        parseIncompleteMarkdown={streaming}
        plugins={plugins}
        rehypePlugins={rehype}
        remarkPlugins={remark}
      >
        {math ? withDollars(text) : text}
      </Streamdown>
    </Safe>
  );
});

// The lists are constants: Streamdown draws every block again when one of them changes.
const rehype = [guard];
const remark = Object.values(defaultRemarkPlugins);
const notTheirs = { enabled: false }; // SafeLink asks

type Of<T extends keyof React.JSX.IntrinsicElements> = ComponentProps<T> & ExtraProps;

const heading = (level: number) =>
  function Heading({ children }: { children?: ReactNode } & ExtraProps) {
    const Tag = `h${level}` as "h3";
    return <Tag>{children}</Tag>;
  };

// The page has its h1 and each message its h2; headings of the text stand below.
const components: Components = {
  a: ({ href, children }: Of<"a">) => <SafeLink href={href}>{children}</SafeLink>,
  img: ({ alt, src }: Of<"img">) => <Picture alt={alt} src={src} />,
  pre: ({ node }: Of<"pre">) => <Fence node={node} />,
  code: ({ children }: Of<"code">) => <code>{children}</code>,
  table: Table,
  thead: ({ children }: Of<"thead">) => <thead>{children}</thead>,
  tbody: ({ children }: Of<"tbody">) => <tbody>{children}</tbody>,
  tr: ({ children }: Of<"tr">) => <tr>{children}</tr>,
  th: ({ children, style }: Of<"th">) => <th scope="col" style={{ textAlign: style?.textAlign }}>{children}</th>,
  td: ({ children, style }: Of<"td">) => <td style={{ textAlign: style?.textAlign }}>{children}</td>,
  h1: heading(3), h2: heading(4), h3: heading(5), h4: heading(6), h5: heading(6), h6: heading(6),
  p: ({ children }: Of<"p">) => <p>{children}</p>,
  ul: ({ children }: Of<"ul">) => <ul>{children}</ul>,
  ol: ({ children, start }: Of<"ol">) => <ol start={start}>{children}</ol>,
  li: ({ children }: Of<"li">) => <li>{children}</li>,
  blockquote: ({ children }: Of<"blockquote">) => <blockquote>{children}</blockquote>,
  hr: () => <hr />,
  strong: ({ children }: Of<"strong">) => <strong>{children}</strong>,
  sup: ({ children }: Of<"sup">) => <sup>{children}</sup>,
  section: ({ children }: Of<"section">) => <section>{children}</section>,
  input: ({ checked }: Of<"input">) => (
    <input type="checkbox" checked={Boolean(checked)} disabled aria-label={checked ? t("chat.taskDone") : t("chat.taskOpen")} />
  ),
};

/** Picture stands for an image: none is ever fetched because a text says so. */
function Picture({ alt, src }: { alt?: string; src?: unknown }) {
  const place = typeof src === "string" ? hostOf(src) : "";
  return (
    <span className="rounded border border-line bg-sunken px-1.5 py-0.5 text-xs text-muted" data-image>
      {t("chat.image", { alt: alt || t("chat.imageUnnamed"), place: place || t("chat.imageNowhere") })}
    </span>
  );
}

function hostOf(src: string): string {
  try {
    return new URL(src).host;
  } catch {
    return "";
  }
}

/** Safe shows the plain text where a parser gives up. */
class Safe extends Component<{ text: string; children: ReactNode }, { failed: string | undefined }> {
  override state = { failed: undefined as string | undefined };

  static getDerivedStateFromError() {
    return { failed: "" };
  }

  override componentDidCatch() {
    this.setState({ failed: this.props.text });
  }

  override componentDidUpdate() {
    if (this.state.failed && this.state.failed !== this.props.text) this.setState({ failed: undefined });
  }

  override render() {
    if (this.state.failed === undefined) return this.props.children;
    return <Plain text={this.props.text} note={t("chat.markdownFailed")} />;
  }
}

/** Formulas: no commands that link, fetch or style; bounds for sizes and macros. */
const formula = { trust: false, strict: "ignore", maxSize: 20, maxExpand: 200, errorColor: "var(--bad)" };

let loadedMath: MathPlugin | undefined;

/** useMath fetches the drawer of formulas when a text has one. */
function useMath(needed: boolean): MathPlugin | undefined {
  const [math, setMath] = useState(loadedMath);
  useEffect(() => {
    if (!needed || math) return;
    let current = true;
    loadMath()
      .then((m) => current && setMath(m))
      .catch(() => {}); // formulas stay as they are written
    return () => {
      current = false;
    };
  }, [needed, math]);
  return needed ? math : undefined;
}

async function loadMath(): Promise<MathPlugin> {
  const [{ createMathPlugin }] = await Promise.all([import("@streamdown/math"), import("katex/dist/katex.min.css")]);
  const plugin = createMathPlugin();
  const [draw] = plugin.rehypePlugin as [() => void];
  loadedMath = { ...plugin, rehypePlugin: [draw, formula] } as MathPlugin;
  return loadedMath;
}
