import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/Button";
import { Field, FormError, Input, TextArea } from "@/components/Form";
import { Modal } from "@/components/Modal";
import { t } from "@/messages";
import { importAgent, type Preview, previewAgent } from "./calls";

/** Imports an agent: a file or pasted JSON, then what it would make, then the question. */
export function ImportDialog({ open, onClose, onImported }: { open: boolean; onClose: () => void; onImported: (id: string) => void }) {
  return (
    <Modal title={t("agents.importTitle")} description={t("agents.importHelp")} open={open} onClose={onClose}>
      {open && <Import onClose={onClose} onImported={onImported} />}
    </Modal>
  );
}

function Import({ onClose, onImported }: { onClose: () => void; onImported: (id: string) => void }) {
  const [text, setText] = useState("");
  const look = useMutation({ mutationFn: previewAgent });
  const make = useMutation({ mutationFn: () => importAgent(text), onSuccess: (made) => onImported(made.agent_id) });
  const ready = look.data && look.data.problems.length === 0;
  const change = (next: string) => {
    setText(next);
    look.reset();
    make.reset();
  };
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(e) => {
        e.preventDefault();
        if (make.isPending || look.isPending) return;
        if (ready) make.mutate();
        else if (text.trim()) look.mutate(text);
      }}
    >
      <Field label={t("agents.file")}>
        <Input type="file" accept=".json,application/json" onChange={(e) => void e.target.files?.[0]?.text().then(change)} />
      </Field>
      <Field label={t("agents.json")}>
        <TextArea className="font-mono" spellCheck={false} value={text} onChange={(e) => change(e.target.value)} />
      </Field>
      {look.data && <Shown preview={look.data} />}
      <FormError error={look.error ?? make.error} />
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>{t("common.cancel")}</Button>
        <Button type="submit" look="primary" disabled={!text.trim()} busy={look.isPending || make.isPending}>
          {ready ? t("agents.import") : t("agents.preview")}
        </Button>
      </div>
    </form>
  );
}

function Shown({ preview }: { preview: Preview }) {
  return (
    <section aria-label={t("agents.previewOf")} role="status" className="flex flex-col gap-2 rounded-md border border-line p-3">
      {preview.name && <p className="font-medium">{preview.name}</p>}
      {preview.description && <p className="text-muted">{preview.description}</p>}
      {preview.steps.length > 0 && (
        <p>{t("agents.makes", { steps: preview.steps.length, inputs: preview.inputs.length })} {preview.models.filter(Boolean).join(", ")}</p>
      )}
      {preview.missing_integrations.length > 0 && <p className="text-warn">{t("agents.missingIntegrations", { names: preview.missing_integrations.join(", ") })}</p>}
      {preview.problems.length > 0 && (
        <>
          <p className="font-medium text-bad">{t("agents.problems", { n: preview.problems.length })}</p>
          <ul className="list-disc ps-5">
            {preview.problems.map((p) => <li key={p.field + p.message}>{p.field && <code>{p.field}</code>} {p.message}</li>)}
          </ul>
        </>
      )}
    </section>
  );
}
