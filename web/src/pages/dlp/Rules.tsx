import { useState } from "react";
import { Button } from "@/components/Button";
import { Field, Select, TextArea } from "@/components/Form";
import { t } from "@/messages";
import { actions, categories, type Policy, useTypes, withRule } from "./data";

interface RulesProps {
  policy: Policy;
  onChange: (policy: Policy) => void;
  disabled: boolean;
}

export function Rules({ policy, onChange, disabled }: RulesProps) {
  return (
    <fieldset disabled={disabled} className="flex min-w-0 flex-col gap-4">
      <Field label={t("dlp.mode")}>
        <Select value={policy.mode} onChange={(e) => onChange({ ...policy, mode: e.target.value })}>
          {(["enforce", "observe", "off"] as const).map((m) => <option key={m} value={m}>{t(`dlp.${m}`)}</option>)}
        </Select>
      </Field>
      <Detectors policy={policy} onChange={onChange} disabled={disabled} />
      <Field label={t("dlp.allow")} help={t("dlp.allowHelp")}>
        <TextArea value={(policy.allow ?? []).join("\n")} onChange={(e) => onChange({ ...policy, allow: linesOf(e.target.value) })} />
      </Field>
      <Field label={t("dlp.tools")} help={t("dlp.toolsHelp")}>
        <TextArea value={(policy.trusted_tools ?? []).join("\n")} onChange={(e) => onChange({ ...policy, trusted_tools: linesOf(e.target.value) })} />
      </Field>
      <Field label={t("dlp.unreadable")}>
        <Select value={policy.unreadable} onChange={(e) => onChange({ ...policy, unreadable: e.target.value })}>
          <option value="block">{t("dlp.unreadableBlock")}</option>
          <option value="allow">{t("dlp.unreadableAllow")}</option>
        </Select>
      </Field>
    </fieldset>
  );
}

/** Empty lines stay while somebody types; the last one goes. */
function linesOf(text: string): string[] {
  return text === "" ? [] : text.split("\n");
}

function Detectors({ policy, onChange }: RulesProps) {
  const types = useTypes();
  const [single, setSingle] = useState(false);
  const row = (name: string, label: string, inherits: boolean) => (
    <tr key={name} className="border-t border-line">
      <th scope="row" className="px-2 py-1 text-start font-normal">{label}</th>
      {(["in", "out"] as const).map((way) => (
        <td key={way} className="px-2 py-1">
          <Select
            aria-label={`${label}: ${t(`dlp.${way}`)}`} value={policy[way][name] ?? ""}
            onChange={(e) => onChange({ ...policy, [way]: withRule(policy[way], name, e.target.value) })}
          >
            <option value="">{inherits ? t("dlp.inherit") : name === "*" ? t("dlp.keep") : t("dlp.asAll")}</option>
            {actions.filter((a) => way === "in" || a !== "tokenize").map((a) => <option key={a} value={a}>{t(`dlp.${a}`)}</option>)}
          </Select>
        </td>
      ))}
    </tr>
  );
  return (
    <div className="flex flex-col gap-2">
      <table className="w-full text-sm">
        <caption className="pb-2 text-start font-semibold">{t("dlp.detectors")}</caption>
        <thead className="text-muted">
          <tr>
            <th scope="col" className="px-2 text-start">{t("dlp.detector")}</th>
            <th scope="col" className="px-2 text-start">{t("dlp.in")}</th>
            <th scope="col" className="px-2 text-start">{t("dlp.out")}</th>
          </tr>
        </thead>
        <tbody>
          {categories.map((c) => row(c, t(`dlp.${c}`), false))}
          {row("*", t("dlp.all"), false)}
          {(types.data ?? []).filter((type) => single || policy.in[type.name] || policy.out[type.name]).map((type) => row(type.name, type.name, true))}
        </tbody>
      </table>
      <Button className="self-start" size="small" onClick={() => setSingle(!single)}>{t(single ? "dlp.hideTypes" : "dlp.showTypes")}</Button>
      <p className="text-sm text-muted">{t("dlp.noRules")}</p>
    </div>
  );
}
