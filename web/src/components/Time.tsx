import { useSyncExternalStore } from "react";
import { keep, kept } from "@/kept";
import { locale, t } from "@/messages";

const name = "sallyport.times";
const listeners = new Set<() => void>();
let absolute = kept(name) === "absolute";

/** Whether times are shown in full instead of as "5 minutes ago". */
export function setAbsoluteTimes(on: boolean): void {
  absolute = on;
  keep(name, on ? "absolute" : "relative");
  for (const listener of listeners) listener();
}

export function useAbsoluteTimes(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => absolute,
  );
}

const local = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 30],
  ["month", 12],
  ["year", Infinity],
];

/** "5 minutes ago", "in 3 days". */
export function relativeTime(at: Date, now: Date): string {
  let amount = (at.getTime() - now.getTime()) / 1000;
  for (const [unit, size] of steps) {
    if (Math.abs(amount) < size) return relative.format(Math.round(amount), unit);
    amount /= size;
  }
  return "";
}

/** A moment: relative, with local and UTC time on hover, or in full if the person wants that. */
export function Time({ at, full }: { at: string | Date | null | undefined; full?: boolean }) {
  const inFull = useAbsoluteTimes() || full;
  if (!at) return <span>{t("common.never")}</span>;
  const date = new Date(at);
  const iso = date.toISOString();
  return (
    <time dateTime={iso} title={`${local.format(date)}\n${iso}`} className="tabular whitespace-nowrap">
      {inFull ? local.format(date) : relativeTime(date, new Date())}
    </time>
  );
}
