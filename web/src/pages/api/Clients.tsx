import { useState } from "react";
import { beginWith, useAvailableModels } from "@/api/models";
import { Command } from "@/components/Command";
import { CopyButton } from "@/components/CopyButton";
import { Field, Select } from "@/components/Form";
import { Section } from "@/components/Section";
import { t } from "@/messages";
import { serverAddress } from "@/root";
import { anthropicNode, anthropicPython, claudeCode, codex, curlAgents, curlChat, openaiNode, openaiPython, setKey } from "./snippets";

/** Set-ups of clients with this server's address: of those alone that work with it. */
export function Clients() {
  const query = useAvailableModels();
  const first = beginWith(query.data)?.id;
  const [chosen, setChosen] = useState<string>();
  const model = chosen ?? first ?? "MODEL";
  const set = [
    ["curl", curlChat(serverAddress, model)],
    ["openaiPython", openaiPython(serverAddress, model)],
    ["openaiNode", openaiNode(serverAddress, model)],
    ["codex", codex(serverAddress, model)],
    ["anthropicPython", anthropicPython(serverAddress, model)],
    ["anthropicNode", anthropicNode(serverAddress, model)],
    ["claudeCode", claudeCode(serverAddress, model)],
    ["agents", curlAgents(serverAddress)],
  ] as const;
  return (
    <Section title={t("api.clients")} help={<>{t("api.clientsHelp")} <code>{setKey}</code></>}>
      <p className="flex flex-wrap items-center gap-1">
        {t("api.base")}: <code>{serverAddress}/v1</code>
        <CopyButton text={`${serverAddress}/v1`} what={t("api.base")} />
      </p>
      <Field label={t("api.model")} className="max-w-sm">
        <Select value={model} onChange={(e) => setChosen(e.target.value)}>
          {(query.data ?? []).map((m) => (
            <option key={m.id}>{m.id}</option>
          ))}
        </Select>
      </Field>
      {set.map(([name, text]) => (
        <section key={name} aria-label={t(`api.${name}`)} className="flex flex-col gap-1">
          <h3 className="font-medium">{t(`api.${name}`)}</h3>
          <Command text={text} what={t(`api.${name}`)} />
        </section>
      ))}
      <p className="text-muted">{t("api.later")}</p>
    </Section>
  );
}
