import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { beginWith, useAvailableModels } from "@/api/models";
import { Button } from "@/components/Button";
import { Command } from "@/components/Command";
import { CopyButton } from "@/components/CopyButton";
import { Field, Form, Input, Select } from "@/components/Form";
import { Modal } from "@/components/Modal";
import { t } from "@/messages";
import { serverAddress } from "@/root";
import { createKey, keysQuery, requestOf } from "./keys";
import { curlChat } from "./snippets";

/** Asks for a key, then shows it this once. It is in the memory of this dialog alone. */
export function NewKeyDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const [made, setMade] = useState<string>();
  const close = () => {
    setMade(undefined);
    onClose();
  };
  return (
    <Modal title={t(made ? "api.madeTitle" : "api.createTitle")} open={open} onClose={close} firm={!!made}>
      {made ? <MadeKey secret={made} onClose={close} /> : <KeyForm onMade={setMade} onClose={close} />}
    </Modal>
  );
}

const lifetimes = [7, 30, 90, 365];

function KeyForm({ onMade, onClose }: { onMade: (secret: string) => void; onClose: () => void }) {
  const queries = useQueryClient();
  const send = async (form: HTMLFormElement) => {
    const made = await createKey(requestOf(new FormData(form), new Date()));
    onMade(made.api_key);
    void queries.invalidateQueries({ queryKey: keysQuery.queryKey });
  };
  return (
    <Form submit={t("api.create")} onSubmit={send} onCancel={onClose}>
      <Field label={t("api.name")} help={t("api.nameHelp")}>
        <Input name="name" required maxLength={100} autoFocus autoComplete="off" />
      </Field>
      <Field label={t("api.expires")}>
        <Select name="days" defaultValue="90">
          {lifetimes.map((days) => (
            <option key={days} value={days}>
              {t("api.inDays", { n: days })}
            </option>
          ))}
          <option value="0">{t("common.never")}</option>
        </Select>
      </Field>
      <fieldset className="flex flex-col gap-3">
        <legend className="mb-1 font-medium">{t("api.limits")}</legend>
        <p className="text-sm text-muted">{t("api.limitsHelp")}</p>
        <div className="grid gap-3 sm:grid-cols-3">
          {(["requests", "tokens", "concurrent"] as const).map((name) => (
            <Field key={name} label={t(`api.${name}`)}>
              <Input name={name} type="number" min={1} step={1} inputMode="numeric" />
            </Field>
          ))}
        </div>
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label={t("api.budget")}>
            <Input name="budget" inputMode="decimal" pattern="[0-9]+([.][0-9]{1,6})?" autoComplete="off" />
          </Field>
          <Field label={t("api.period")}>
            <Select name="period" defaultValue="month">
              {(["day", "month", "total"] as const).map((period) => (
                <option key={period} value={period}>
                  {t(`api.${period}`)}
                </option>
              ))}
            </Select>
          </Field>
        </div>
      </fieldset>
    </Form>
  );
}

function MadeKey({ secret, onClose }: { secret: string; onClose: () => void }) {
  const model = beginWith(useAvailableModels().data)?.id;
  return (
    <>
      <p>{t("api.madeWhy")}</p>
      <div className="flex items-center gap-2">
        <output aria-label={t("api.key")} className="min-w-0 flex-1 rounded-md border border-line bg-sunken p-2 font-mono text-xs break-all">
          {secret}
        </output>
        <CopyButton wide text={secret} what={t("api.key")} />
      </div>
      {model && (
        <>
          <p className="text-muted">{t("api.tryIt")}</p>
          <Command text={curlChat(serverAddress, model, secret)} what={t("api.curl")} />
        </>
      )}
      <div className="flex justify-end">
        <Button look="primary" onClick={onClose}>
          {t("api.done")}
        </Button>
      </div>
    </>
  );
}
