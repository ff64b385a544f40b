import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Button } from "@/components/Button";
import { Field, FormError, Input, Select, TextArea } from "@/components/Form";
import { t } from "@/messages";
import { type Policy, pieces, type Sample, type Trial, tryText, useGroups } from "./data";
import { outcome } from "./Samples";

/** How long somebody must have stopped typing before the text is tried. */
const pause = 120;

function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), pause);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

/** Shows, while somebody types, what the draft finds and what becomes of it. */
export function Tester({ policy, text, onText, onSample }: { policy: Policy; text: string; onText: (text: string) => void; onSample: (sample: Sample) => void }) {
  const [group, setGroup] = useState("");
  const groups = useGroups();
  const asked = useSettled(JSON.stringify({ text, policy, ...(group ? { group } : {}) }));
  const trial = useQuery({
    queryKey: ["dlp", "trial", asked],
    enabled: text !== "",
    gcTime: 0, // nothing of it is kept here either
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => tryText(JSON.parse(asked) as Parameters<typeof tryText>[0], signal),
  });
  const tried = (JSON.parse(asked) as { text: string }).text;
  return (
    <section className="flex min-w-0 flex-col gap-4">
      <h2 className="text-lg font-semibold">{t("dlp.tester")}</h2>
      <Field label={t("dlp.text")} help={t("dlp.testerHelp")}>
        <TextArea className="min-h-32" value={text} onChange={(e) => onText(e.target.value)} maxLength={262_144} spellCheck={false} />
      </Field>
      <Field label={t("dlp.group")}>
        <Select value={group} onChange={(e) => setGroup(e.target.value)}>
          <option value="">{t("dlp.noGroup")}</option>
          {(groups.data ?? []).map((g) => <option key={g.id} value={g.id}>{g.name}</option>)}
        </Select>
      </Field>
      <FormError error={trial.error} />
      {text !== "" && trial.data && <Result text={tried} trial={trial.data} />}
      {text !== "" && <Keep text={text} onSample={onSample} />}
    </section>
  );
}

function Result({ text, trial }: { text: string; trial: Trial }) {
  const hits = trial.hits ?? [];
  return (
    <div className="flex flex-col gap-3">
      <p role="status" className="font-medium">{t("dlp.hits", { n: hits.length })}</p>
      <Part title={t("dlp.marked")}>
        {pieces(text, hits).map((piece, n) =>
          piece.hit ? (
            <mark key={n} className="rounded-sm bg-warn-soft px-0.5 text-warn underline">
              {piece.text}
              <span className="ms-1 text-xs">[{piece.hit.type}: {t(`dlp.${piece.hit.action as "keep"}`)}]</span>
            </mark>
          ) : (
            piece.text
          ),
        )}
      </Part>
      <Part title={t("dlp.sent")}>{trial.refused ?? trial.sent}</Part>
      {!trial.refused && <Part title={t("dlp.returned")}>{trial.ended ?? trial.returned}</Part>}
    </div>
  );
}

function Part({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <section aria-label={title}>
      <h3 className="mb-1 text-sm text-muted">{title}</h3>
      <pre tabIndex={0} className="max-h-60 overflow-auto rounded-md border border-line bg-sunken p-3 text-sm break-words whitespace-pre-wrap">{children}</pre>
    </section>
  );
}

/** Makes a sample of the text. */
function Keep({ text, onSample }: { text: string; onSample: (sample: Sample) => void }) {
  const [name, setName] = useState("");
  const [expect, setExpect] = useState<Sample["expect"]>("hide");
  return (
    <div className="flex flex-wrap items-end gap-2">
      <Field label={t("dlp.sampleName")}><Input value={name} maxLength={100} onChange={(e) => setName(e.target.value)} /></Field>
      <Field label={t("dlp.expect")}>
        <Select value={expect} onChange={(e) => setExpect(e.target.value as Sample["expect"])}>
          {(["pass", "hide", "block"] as const).map((e) => <option key={e} value={e}>{outcome(e)}</option>)}
        </Select>
      </Field>
      <Button disabled={!name.trim()} onClick={() => { onSample({ name: name.trim(), text, expect }); setName(""); }}>{t("dlp.addSample")}</Button>
    </div>
  );
}
