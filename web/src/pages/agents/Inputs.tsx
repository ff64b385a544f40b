import { useState } from "react";
import { useRequestKey } from "@/api/once";
import { Field, Form, TextArea } from "@/components/Form";
import { t } from "@/messages";
import { type Run, startRun } from "@/pages/runs/calls";
import type { Agent } from "./calls";

/** Starts a run with inputs. A second press or a lost answer starts no other run. */
export function InputsForm({ agent, onStarted, onCancel }: { agent: Agent; onStarted: (run: Run) => void; onCancel?: () => void }) {
  const [values, setValues] = useState<Record<string, string>>({});
  const [text, setText] = useState("");
  const [missing, setMissing] = useState<string[]>([]);
  const key = useRequestKey();
  const start = async (form: HTMLFormElement) => {
    const empty = agent.inputs.filter((i) => !values[i.name]?.trim()).map((i) => i.name);
    setMissing(empty);
    if (empty.length > 0) {
      form.querySelectorAll("textarea")[agent.inputs.findIndex((i) => i.name === empty[0])]?.focus();
      return false;
    }
    onStarted(await startRun(agent.id, values, text, key.of([values, text])));
    key.answered();
    return true;
  };
  return (
    <Form onSubmit={start} submit={t("agents.run")} {...(onCancel && { onCancel })}>
      {agent.inputs.map((input) => (
        <Field key={input.name} label={input.name} help={input.description || undefined} error={missing.includes(input.name) ? t("agents.inputMissing") : undefined}>
          <TextArea value={values[input.name] ?? ""} onChange={(e) => setValues({ ...values, [input.name]: e.target.value })} />
        </Field>
      ))}
      {agent.inputs.length === 0 && (
        <Field label={t("agents.message")} help={t("agents.messageHelp")} optional>
          <TextArea value={text} onChange={(e) => setText(e.target.value)} />
        </Field>
      )}
    </Form>
  );
}
