import { Ban, Check, CircleDashed, CircleX, LoaderCircle, SkipForward } from "lucide-react";
import { useEffect, useState } from "react";
import { Chip, type Tone } from "@/components/Chip";
import { locale, t } from "@/messages";
import type { StepState } from "./calls";

const looks: Record<StepState, { tone: Tone; icon: React.ReactNode }> = {
  in_progress: { tone: "accent", icon: <LoaderCircle className="animate-spin motion-reduce:animate-none" /> },
  success: { tone: "ok", icon: <Check /> },
  failure: { tone: "bad", icon: <CircleX /> },
  cancelled: { tone: "warn", icon: <Ban /> },
  pending: { tone: "neutral", icon: <CircleDashed /> },
  skipped: { tone: "neutral", icon: <SkipForward /> },
};

/** The state of a run or a step, as a word with its sign. */
export function StateChip({ state }: { state: StepState }) {
  return (
    <Chip tone={looks[state].tone} icon={looks[state].icon}>
      {t(`runs.state_${state}`)}
    </Chip>
  );
}

const tenths = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** "0.4 s", "2 min 5 s". */
export function durationText(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 60) return t("runs.seconds", { n: tenths.format(seconds) });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t("runs.minutes", { m: minutes, s: Math.floor(seconds % 60) });
  return t("runs.hours", { h: Math.floor(minutes / 60), m: minutes % 60 });
}

const tick = 200;

/** How long something took, or has taken so far. */
export function Duration({ from, to, running }: { from: string | null; to: string | null; running: boolean }) {
  const [now, setNow] = useState(Date.now);
  const counts = running && !!from && !to;
  useEffect(() => {
    if (!counts) return;
    const timer = setInterval(() => setNow(Date.now()), tick);
    return () => clearInterval(timer);
  }, [counts]);
  if (!from || (!to && !counts)) return <span>—</span>;
  return <span className="tabular whitespace-nowrap">{durationText((to ? Date.parse(to) : now) - Date.parse(from))}</span>;
}
