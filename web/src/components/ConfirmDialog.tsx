import { useState } from "react";
import { t } from "@/messages";
import { Button } from "./Button";
import { Field, FormError, Input } from "./Form";
import { Modal } from "./Modal";

interface ConfirmProps {
  title: string;
  /** Names what will be changed, and what follows from it. */
  description: string;
  /** What the button says: the act, not "OK". */
  act: string;
  /** To be typed before the act is possible: for what cannot be undone and others use. */
  typed?: string;
  danger?: boolean;
  open: boolean;
  onClose: () => void;
  /** The dialog closes when it is done, and shows why it failed otherwise. */
  onConfirm: () => Promise<unknown>;
}

export function ConfirmDialog(props: ConfirmProps) {
  return (
    <Modal title={props.title} description={props.description} open={props.open} onClose={props.onClose}>
      {props.open && <Confirm {...props} />}
    </Modal>
  );
}

function Confirm({ act, typed, danger = true, onClose, onConfirm }: ConfirmProps) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const confirm = async () => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(e) => {
        e.preventDefault();
        if (!busy && (!typed || text === typed)) void confirm();
      }}
    >
      {typed && (
        <Field label={t("common.typeToConfirm", { name: typed })}>
          <Input value={text} onChange={(e) => setText(e.target.value)} autoComplete="off" />
        </Field>
      )}
      <FormError error={error} />
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>{t("common.cancel")}</Button>
        <Button type="submit" look={danger ? "danger" : "primary"} busy={busy} disabled={!!typed && text !== typed}>
          {act}
        </Button>
      </div>
    </form>
  );
}
