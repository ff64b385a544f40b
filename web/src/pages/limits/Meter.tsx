import { locale, t } from "@/messages";

/** How much of a limit is used: in words, and as a bar. */
export function Meter({ label, used, limit, text }: { label: string; used: number; limit: number; text?: string }) {
  const words = text ?? t("limits.used", { used: used.toLocaleString(locale), limit: limit.toLocaleString(locale) });
  const share = limit > 0 ? Math.min(1, used / limit) : 1;
  return (
    <span className="flex items-center gap-2 tabular">
      <meter aria-label={label} aria-valuetext={words} min={0} max={1} low={0.5} high={0.8} optimum={0} value={share} className="meter h-2 w-14 shrink-0" />
      <span className="truncate">{words}</span>
    </span>
  );
}
