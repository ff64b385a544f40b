import { useEffect, useId, useState } from "react";
import { t } from "@/messages";
import { Code } from "./code";
import { cleanDrawing, cleanSource } from "./drawing";

/** Diagram draws a mermaid source; what cannot or may not be drawn is shown as code. */
export function Diagram({ source }: { source: string }) {
  const drawn = useDrawing(source);
  if (!drawn || drawn.failed) {
    return (
      <>
        <Code code={source} language="mermaid" open={false} />
        {drawn?.failed && <p className="text-xs text-muted">{t("chat.diagramFailed")}</p>}
      </>
    );
  }
  return (
    <figure className="my-3 overflow-x-auto rounded-md border border-line bg-surface p-3" data-diagram>
      <div role="img" aria-label={t("chat.diagramLabel")} ref={(place) => place?.replaceChildren(drawn.svg!.cloneNode(true))} />
      <details className="mt-2 text-xs text-muted">
        <summary>{t("chat.diagramSource")}</summary>
        <Code code={source} language="mermaid" open={false} />
      </details>
    </figure>
  );
}

type Drawn = { svg?: SVGSVGElement; failed?: true };

/** useDrawing draws again when the theme changes. */
function useDrawing(source: string): Drawn | undefined {
  const id = `diagram-${useId().replace(/\W/g, "")}`;
  const theme = useThemeName();
  const [drawn, setDrawn] = useState<Drawn>();
  useEffect(() => {
    let current = true;
    draw(id, source)
      .then((svg): Drawn => ({ svg }))
      .catch((): Drawn => ({ failed: true }))
      .then((d) => current && setDrawn(d));
    return () => {
      current = false;
    };
  }, [id, source, theme]);
  return drawn;
}

async function draw(id: string, source: string): Promise<SVGSVGElement> {
  const clean = cleanSource(source);
  const { createMermaidPlugin } = await import("@streamdown/mermaid");
  const drawer = createMermaidPlugin().getMermaid(settings());
  const { svg } = await drawer.render(id, clean);
  return cleanDrawing(svg);
}

/** The settings that a diagram may not change are all of them: its own are cut off before. */
function settings() {
  return {
    securityLevel: "strict" as const,
    startOnLoad: false,
    suppressErrorRendering: true,
    htmlLabels: false,
    flowchart: { htmlLabels: false },
    class: { htmlLabels: false },
    maxTextSize: 20_000,
    maxEdges: 300,
    dompurifyConfig: {
      FORBID_TAGS: ["img", "image", "style", "iframe", "form", "input", "video", "audio", "object", "embed", "link", "a"],
      FORBID_ATTR: ["style", "src", "srcset", "href", "xlink:href", "background"],
    },
    theme: "base" as const,
    themeVariables: variables(),
    fontFamily: "inherit",
  };
}

function variables(): Record<string, string | boolean> {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const [surface, sunken, text, line, accent] = ["surface", "sunken", "text", "edge", "accent"].map(token) as string[];
  return {
    darkMode: isDark(),
    background: surface!, mainBkg: sunken!, primaryColor: sunken!, secondaryColor: surface!, tertiaryColor: surface!,
    primaryTextColor: text!, secondaryTextColor: text!, tertiaryTextColor: text!, textColor: text!, lineColor: text!,
    primaryBorderColor: line!, nodeBorder: line!, clusterBkg: surface!, clusterBorder: line!, edgeLabelBackground: surface!,
    actorBkg: sunken!, actorBorder: line!, actorTextColor: text!, noteBkgColor: sunken!, noteTextColor: text!, noteBorderColor: accent!,
    signalColor: text!, signalTextColor: text!, labelTextColor: text!, loopTextColor: text!, titleColor: text!,
  };
}

const isDark = () => document.documentElement.classList.contains("dark");

function useThemeName(): string {
  const [dark, setDark] = useState(isDark);
  useEffect(() => {
    const watch = new MutationObserver(() => setDark(isDark()));
    watch.observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
    return () => watch.disconnect();
  }, []);
  return dark ? "dark" : "light";
}
