import { useSyncExternalStore } from "react";
import { locale, t } from "@/messages";

const kept = "sallyport.times";
const listeners = new Set<() => void>();
let absolute = read();

function read(): boolean {
  try {
    return localStorage.getItem(kept) === "absolute";
  } catch {
    return false;
  }
}

/** Whether times are shown in full instead of as "5 minutes ago". */
export function setAbsoluteTimes(on: boolean): void {
  absolute = on;
  try {
    localStorage.setItem(kept, on ? "absolute" : "relative");
  } catch {
    // It holds until the page is left.
  }
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
