import { X } from "lucide-react";
import type { components } from "@/api/schema";
import { IconButton } from "@/components/Button";
import { t } from "@/messages";
import type { Sample } from "./data";

/** What becomes of a sample, in words. */
export function outcome(what: string): string {
  return t(what === "block" ? "dlp.blocked" : what === "hide" ? "dlp.hide" : "dlp.pass");
}

export function Samples({ samples, onChange }: { samples: Sample[]; onChange: (samples: Sample[]) => void }) {
  return (
    <section className="flex flex-col gap-2">
      <h2 className="font-semibold">{t("dlp.samples")}</h2>
      <p className="text-sm text-muted">{t("dlp.samplesHelp")}</p>
      <ul className="flex flex-col gap-1">
        {samples.map((s) => (
          <li key={s.name} className="flex items-center gap-2 rounded-md border border-line px-2">
            <span className="min-w-0 flex-1 truncate" title={s.text}>{s.name}</span>
            <span className="text-sm text-muted">{outcome(s.expect)}</span>
            <IconButton label={t("dlp.removeSample", { name: s.name })} icon={<X />} onClick={() => onChange(samples.filter((o) => o !== s))} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Why nothing was published. */
export function Results({ results }: { results: components["schemas"]["SampleResult"][] }) {
  return (
    <div role="alert" className="rounded-md bg-bad-soft p-3">
      <p className="font-medium">{t("dlp.notPublished")}</p>
      <ul>
        {results.map((r) => (
          <li key={r.name}>{r.ok ? t("dlp.sampleOK", { name: r.name }) : t("dlp.sampleFailed", { name: r.name, expect: outcome(r.expect), got: outcome(r.got) })}</li>
        ))}
      </ul>
    </div>
  );
}
