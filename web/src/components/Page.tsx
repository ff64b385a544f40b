import { type ReactNode, useEffect, useRef } from "react";
import { t } from "@/messages";
import { cn } from "./cn";

interface PageProps {
  title: string;
  /** How many of them there are, beside the title. */
  count?: ReactNode;
  /** At the right end of the header: the primary action last. */
  actions?: ReactNode;
  /** Under the header and above what scrolls: filters, tabs. */
  bar?: ReactNode;
  /** Pages of text and forms have a measure; tables take the width. */
  narrow?: boolean;
  /** The page scrolls its own parts. */
  fixed?: boolean;
  children: ReactNode;
}

/** A page: a header of 48 px, and one area that scrolls. */
export function Page({ title, count, actions, bar, narrow, fixed, children }: PageProps) {
  const heading = useTitle(title);
  return (
    <div className="flex h-full min-h-0 min-w-0 flex-1 flex-col">
      <header className="flex min-h-12 shrink-0 flex-wrap items-center gap-2 border-b border-line bg-surface px-4 py-1.5">
        <h1 ref={heading} tabIndex={-1} className="text-lg font-semibold outline-none">
          {title}
        </h1>
        {count !== undefined && <span className="text-muted tabular">{count}</span>}
        <div className="ms-auto flex flex-wrap items-center gap-2">{actions}</div>
      </header>
      {bar && <div className="flex shrink-0 flex-wrap items-center gap-2 border-b border-line bg-surface px-4 py-2">{bar}</div>}
      <div className={cn("relative min-h-0 flex-1", fixed ? "flex flex-col overflow-hidden" : "overflow-auto")} data-scroll>
        {narrow ? <div className="mx-auto flex max-w-3xl flex-col gap-6 p-4">{children}</div> : children}
      </div>
    </div>
  );
}

/** Names the document after the page, and moves the focus to its heading after a navigation. */
export function useTitle(title: string) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ${t("common.product")}`;
  }, [title]);
  useEffect(() => {
    if (document.activeElement === document.body || document.activeElement?.closest("nav")) heading.current?.focus({ preventScroll: true });
  }, []);
  return heading;
}
