import { Button } from "@/components/Button";
import { Field, Input, Select } from "@/components/Form";
import { t } from "@/messages";
import { type Dimension, lastDays, type Measure, measures, type Range } from "./data";

const spans = [[7, "usage.days7"], [30, "usage.days30"], [90, "usage.days90"]] as const;

interface Props {
  /** What one can ask by, and what each is called. */
  choices: [Dimension, string][];
  by: Dimension;
  measure: Measure;
  range: Range;
  set: (changed: Record<string, string>) => void;
}

export function Filters({ choices, by, measure, range, set }: Props) {
  return (
    <div className="flex flex-wrap items-end gap-3">
      <Field label={t("usage.by")}>
        <Select value={by} onChange={(e) => set({ by: e.target.value })}>{choices.map(([d, name]) => <option key={d} value={d}>{name}</option>)}</Select>
      </Field>
      <Field label={t("usage.measure")}>
        <Select value={measure} onChange={(e) => set({ show: e.target.value })}>{measures.map((m) => <option key={m} value={m}>{t(`usage.${m}`)}</option>)}</Select>
      </Field>
      <Field label={t("usage.from")}><Input type="date" value={range.from} max={range.to} onChange={(e) => e.target.value && set({ from: e.target.value })} /></Field>
      <Field label={t("usage.to")}><Input type="date" value={range.to} min={range.from} onChange={(e) => e.target.value && set({ to: e.target.value })} /></Field>
      <div className="flex gap-1">
        {spans.map(([days, name]) => <Button key={days} onClick={() => set({ ...lastDays(days) })}>{t(name)}</Button>)}
      </div>
    </div>
  );
}
