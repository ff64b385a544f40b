import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useRequestKey } from "@/api/once";
import { Button } from "@/components/Button";
import { Field, FormError, TextArea } from "@/components/Form";
import { Modal } from "@/components/Modal";
import { SearchField } from "@/components/SearchField";
import { States } from "@/components/States";
import { t } from "@/messages";
import { type Agent, listAgents } from "./calls";

interface Props {
  agent?: Agent | undefined;
  onClose: () => void;
  /** Starts the agent; the dialog closes when it has begun, and says why it did not. */
  onStart: (agent: Agent, inputs: Record<string, string>, key: string) => Promise<void>;
}

/** Starts an agent from the conversation: first which, then its inputs. */
export function AgentStart({ agent, onClose, onStart }: Props) {
  const [chosen, setChosen] = useState(agent);
  return (
    <Modal title={chosen ? t("chat.startAgentNamed", { name: chosen.name }) : t("chat.startAgent")} description={chosen?.description || undefined} open onClose={onClose}>
      {chosen ? <Inputs agent={chosen} onClose={onClose} onStart={onStart} /> : <Choose onChoose={setChosen} />}
    </Modal>
  );
}

export function useAgents(text = "") {
  return useQuery({ queryKey: ["agents", "chat", text], queryFn: () => listAgents(text), staleTime: 30_000 });
}

function Choose({ onChoose }: { onChoose: (agent: Agent) => void }) {
  const [text, setText] = useState("");
  const query = useAgents(text);
  return (
    <>
      <SearchField autoFocus second label={t("chat.agentSearch")} value={text} onChange={setText} />
      <States query={query} isEmpty={(page) => page.agents.length === 0} empty={<p className="text-muted">{text ? t("common.nothingMatches") : t("chat.agentsEmpty")}</p>}>
        {(page) => (
          <ul className="flex flex-col gap-1">
            {page.agents.map((a) => (
              <li key={a.id}>
                <button type="button" onClick={() => onChoose(a)} className="w-full rounded-md px-2 py-1.5 text-start hover:bg-sunken">
                  <span className="block font-medium">{a.name}</span>
                  <span className="block text-sm text-muted">{a.description}</span>
                </button>
              </li>
            ))}
          </ul>
        )}
      </States>
    </>
  );
}

function Inputs({ agent, onClose, onStart }: { agent: Agent; onClose: () => void; onStart: Props["onStart"] }) {
  const [values, setValues] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const key = useRequestKey();
  const missing = agent.inputs.filter((i) => !values[i.name]?.trim());
  const [tried, setTried] = useState(false);
  const start = async () => {
    setTried(true);
    if (busy || missing.length > 0) return;
    setBusy(true);
    setError(null);
    try {
      await onStart(agent, values, key.of(values));
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
        void start();
      }}
    >
      {agent.inputs.map((input) => (
        <Field key={input.name} label={input.name} help={input.description} error={tried && missing.includes(input) ? t("chat.inputMissing") : undefined}>
          <TextArea value={values[input.name] ?? ""} onChange={(e) => setValues({ ...values, [input.name]: e.target.value })} />
        </Field>
      ))}
      <FormError error={error} />
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{t("common.cancel")}</Button>
        <Button type="submit" look="primary" busy={busy}>{t("chat.startRun")}</Button>
      </div>
    </form>
  );
}
