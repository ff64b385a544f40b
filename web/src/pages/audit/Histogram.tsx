import { type KeyboardEvent, useState } from "react";
import { cn } from "@/components/cn";
import type { components } from "@/api/schema";
import { locale, t } from "@/messages";

export type HistogramData = components["schemas"]["HistogramView"];

const minutes = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const seconds = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });

/** How the records of the search lie over time. A press on a bar narrows the search to its time. */
export function Histogram({ data, onChoose }: { data: HistogramData; onChoose: (since: string, until: string) => void }) {
  const [active, setActive] = useState(0);
  const bars = data.bars ?? [];
  const since = Date.parse(data.since);
  const step = (Date.parse(data.until) - since) / Math.max(bars.length, 1);
  const at = (i: number) => new Date(since + step * i);
  const when = step < 60_000 ? seconds : minutes; // else both ends of a bar read the same
  const highest = Math.max(1, ...bars);
  const move = (e: KeyboardEvent<HTMLDivElement>) => {
    const to = { ArrowRight: active + 1, ArrowLeft: active - 1, Home: 0, End: bars.length - 1 }[e.key];
    if (to === undefined || to < 0 || to >= bars.length) return;
    e.preventDefault();
    setActive(to);
    e.currentTarget.querySelectorAll("button")[to]?.focus();
  };
  return (
    <figure className="border-b border-line bg-surface px-4 pt-2">
      <div role="group" aria-label={t("audit.histogram")} onKeyDown={move} className="flex h-14 items-end">
        {bars.map((n, i) => (
          <button
            key={i}
            type="button"
            tabIndex={i === Math.min(active, bars.length - 1) ? 0 : -1}
            title={`${t("audit.records", { n })}\n${when.format(at(i))} – ${when.format(at(i + 1))}`}
            aria-label={t("audit.bar", { n, since: when.format(at(i)), until: when.format(at(i + 1)) })}
            onFocus={() => setActive(i)}
            onClick={() => onChoose(at(i).toISOString(), at(i + 1).toISOString())}
            className="group flex h-full min-w-6 flex-1 items-end px-px"
          >
            <span className={cn("w-full rounded-t-sm group-hover:bg-accent", n > 0 ? "bg-accent-text" : "bg-line")} style={{ height: n > 0 ? `${Math.max(6, (n / highest) * 100)}%` : 1 }} />
          </button>
        ))}
      </div>
      <figcaption className="flex justify-between py-1 text-xs text-muted tabular">
        <span>{when.format(at(0))}</span>
        {data.estimated && <span>{t("audit.estimated")}</span>}
        <span>{when.format(at(bars.length))}</span>
      </figcaption>
    </figure>
  );
}
