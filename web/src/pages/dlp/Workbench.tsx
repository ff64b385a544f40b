import { useState } from "react";
import { toast } from "sonner";
import { Button } from "@/components/Button";
import { FormError, Input } from "@/components/Form";
import { LeaveDialog } from "@/components/LeaveDialog";
import { useUnsavedDraft } from "@/components/unsaved";
import { t } from "@/messages";
import { useSession } from "@/session";
import { type Draft, dropDraft, publish, type Sample, saveDraft, useChange, useChanging, whole } from "./data";
import { Rules } from "./Rules";
import { Results, Samples } from "./Samples";
import { Tester } from "./Tester";

/** What a person wrote beside the draft: it outlives this workbench, which begins anew with each draft that is read. */
export interface Words {
  /** For the version that will be published. */
  note: string;
  /** What is tried. */
  text: string;
}

interface WorkbenchProps {
  model: string;
  draft: Draft;
  words: Words;
  onWords: (changed: Partial<Words>) => void;
}

/** The draft at the left, what it makes of a text at the right. */
export function Workbench({ model, draft, words, onWords }: WorkbenchProps) {
  const [policy, setPolicy] = useState(() => whole(draft.policy));
  const [samples, setSamples] = useState<Sample[]>(draft.samples ?? []);
  const { can } = useSession();
  const changing = useChanging();
  const state = JSON.stringify([policy, samples]);
  const saved = JSON.stringify([whole(draft.policy), draft.samples ?? []]);
  const unsaved = useUnsavedDraft(state, saved, can("dlp.save_draft"));
  const addSample = (sample: Sample) => setSamples((all) => [...all.filter((s) => s.name !== sample.name), sample]);
  return (
    <div ref={unsaved.part} className="grid gap-6 p-4 xl:grid-cols-2">
      {/* What comes back from the server takes the place of all this: what is typed meanwhile would be gone. */}
      <fieldset disabled={changing} className="flex min-w-0 flex-col gap-4">
        <Rules policy={policy} onChange={setPolicy} disabled={!can("dlp.save_draft")} />
        <Samples samples={samples} onChange={setSamples} />
        <Acts
          model={model}
          draft={draft}
          changed={state !== saved}
          save={() => ({ model, policy: { ...policy, allow: filled(policy.allow), trusted_tools: filled(policy.trusted_tools) }, samples, revision: draft.revision })}
          forget={unsaved.forget}
          note={words.note}
          onNote={(note) => onWords({ note })}
        />
      </fieldset>
      <Tester policy={policy} text={words.text} onText={(text) => onWords({ text })} onSample={addSample} />
      {unsaved.asking && <LeaveDialog answer={unsaved.answer} />}
    </div>
  );
}

/** Lines without the empty ones. */
const filled = (lines: string[] | null) => (lines ?? []).map((line) => line.trim()).filter((line) => line);

interface ActsProps {
  model: string;
  draft: Draft;
  changed: boolean;
  save: () => Parameters<typeof saveDraft>[0];
  /** Who saves is not asked when they leave; returns how to take that back. */
  forget: () => () => void;
  note: string;
  onNote: (note: string) => void;
}

function Acts({ model, draft, changed, save, forget, note, onNote }: ActsProps) {
  const { can } = useSession();
  const saving = useChange(saveDraft);
  const dropping = useChange(dropDraft);
  const publishing = useChange(publish);
  const send = () =>
    publishing.mutate({ model, revision: draft.revision, note }, {
      onSuccess: (p) => {
        if (!p.ok) return;
        onNote("");
        toast.success(t("dlp.published", { number: p.number ?? 0 }));
      },
    });
  return (
    <div className="flex flex-col gap-3 border-t border-line pt-4">
      <FormError error={saving.error ?? dropping.error ?? publishing.error} />
      {publishing.data && !publishing.data.ok && <Results results={publishing.data.samples ?? []} />}
      <div className="flex flex-wrap items-center gap-2">
        {can("dlp.save_draft") && <Button busy={saving.isPending} disabled={!changed} onClick={() => saving.mutate(save(), { onError: forget() })}>{t("dlp.saveDraft")}</Button>}
        {draft.saved && can("dlp.drop_draft") && <Button busy={dropping.isPending} onClick={() => dropping.mutate(model)}>{t("dlp.dropDraft")}</Button>}
        {can("dlp.publish") && (
          <>
            <Input className="w-56" aria-label={t("dlp.note")} placeholder={t("dlp.note")} maxLength={500} value={note} onChange={(e) => onNote(e.target.value)} />
            <Button look="primary" busy={publishing.isPending} disabled={!draft.saved || changed} title={t("dlp.publishFirst")} onClick={send}>{t("dlp.publish")}</Button>
          </>
        )}
      </div>
    </div>
  );
}
