import { Chip, type Tone } from "@/components/Chip";
import { FormError } from "@/components/Form";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { type TargetHealth as Target, useHealth } from "./data";

const tones: Record<Target["state"], Tone> = { closed: "ok", half_open: "warn", open: "bad" };

/** How many of the recent tries were answered, in words; undefined: there were none. */
export function answeredText(targets: Target[]): string | undefined {
  const tries = targets.reduce((sum, h) => sum + h.tries, 0);
  const failures = targets.reduce((sum, h) => sum + h.failures, 0);
  return tries > 0 ? t("models.answeredOf", { n: tries - failures, tries }) : undefined;
}

/** How each target of a provider has fared in recent calls, on the server that answered. */
export function TargetHealth({ provider }: { provider: string }) {
  const { data, error } = useHealth(true);
  const targets = (data?.targets ?? []).filter((h) => h.provider === provider);
  if (error) return <FormError error={error} />;
  if (!data || targets.length === 0) return null;
  return (
    <section aria-label={t("models.targets")} className="flex flex-col gap-2 border-t border-line pt-4">
      <h3 className="font-semibold">{t("models.targets")}</h3>
      <p className="text-sm text-muted">{t("models.targetsHelp", { node: data.node })}</p>
      <ul className="flex flex-col">
        {targets.map((h) => (
          <li key={h.target} className="flex flex-wrap items-center gap-2 border-b border-line py-1.5 text-sm">
            <code className="min-w-0 break-all">{h.target}</code>
            <Chip tone={h.tries > 0 ? tones[h.state] : "neutral"}>{h.tries > 0 ? t(`models.breaker_${h.state}`) : t("models.notCalled")}</Chip>
            {h.tries > 0 && <span>{answeredText([h])}</span>}
            {!!h.median_ms && <span className="text-muted">{t("models.firstByte", { median: h.median_ms, slow: h.slow_ms ?? h.median_ms })}</span>}
            {h.last_error && <span className="text-muted">{t("models.lastError", { code: h.status ? `${h.last_error} ${h.status}` : h.last_error })} <Time at={h.failed_at} /></span>}
          </li>
        ))}
      </ul>
    </section>
  );
}
