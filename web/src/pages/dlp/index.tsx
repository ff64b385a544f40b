import { useState } from "react";
import { useModels } from "@/api/models";
import { useAddress } from "@/components/address";
import { Chip } from "@/components/Chip";
import { Select } from "@/components/Form";
import { Page } from "@/components/Page";
import { States } from "@/components/States";
import { Tabs } from "@/components/Tabs";
import { t } from "@/messages";
import { useDraft, usePolicies } from "./data";
import { History } from "./History";
import { Workbench, type Words } from "./Workbench";

const noWords: Words = { note: "", text: "" };

/** The DLP policy of the organisation or of a model: draft, tester, history. */
export default function DLP() {
  const [address, setAddress] = useAddress();
  const model = address.model ?? "";
  const draft = useDraft(model);
  const [words, setWords] = useState<Record<string, Words>>({}); // by model: a note on one policy is none on another
  const history = address.tab === "history";
  return (
    <Page
      title={t("dlp.title")}
      fixed={history}
      actions={<Standing model={model} />}
      bar={
        <>
          <Tabs label={t("dlp.views")} chosen={address.tab ?? ""} tabs={[["", t("dlp.tabPolicy")], ["history", t("dlp.tabHistory")]]} onChoose={(tab) => setAddress({ tab: tab || undefined })} />
          <Subject model={model} onChoose={(next) => setAddress({ model: next || undefined })} />
        </>
      }
    >
      {history ? <History model={model} /> : (
        <States query={draft}>
          {(d) => (
            <Workbench
              key={`${model} ${d.saved} ${d.base} ${d.revision}`}
              model={model}
              draft={d}
              words={words[model] ?? noWords}
              onWords={(changed) => setWords((all) => ({ ...all, [model]: { ...(all[model] ?? noWords), ...changed } }))}
            />
          )}
        </States>
      )}
    </Page>
  );
}

function Subject({ model, onChoose }: { model: string; onChoose: (model: string) => void }) {
  const models = useModels();
  return (
    <label className="ms-auto flex min-w-0 items-center gap-2 text-sm">
      {t("dlp.policyOf")}
      <Select className="w-auto" value={model} onChange={(e) => onChoose(e.target.value)}>
        <option value="">{t("dlp.organisation")}</option>
        {(models.data ?? []).map((m) => <option key={m.id} value={m.id}>{m.display_name}</option>)}
      </Select>
    </label>
  );
}

/** What calls are held to now. */
function Standing({ model }: { model: string }) {
  const policies = usePolicies();
  const found = policies.data?.find((p) => p.model === model);
  if (!policies.data) return null;
  return (
    <span className="flex gap-2">
      <Chip>{found?.number ? t("dlp.inForce", { number: found.number }) : t("dlp.inForceFile")}</Chip>
      {found?.draft && <Chip tone="warn">{t("dlp.draft")}</Chip>}
    </span>
  );
}
