import { type Model, useModels } from "@/api/models";
import { Count, creditText } from "@/components/Amount";
import { Chip } from "@/components/Chip";
import { type Column, DataTable } from "@/components/DataTable";
import { Select } from "@/components/Form";
import type { MenuItem } from "@/components/Menu";
import { Empty, States } from "@/components/States";
import { tellFailure } from "@/components/tell";
import { t } from "@/messages";
import { useSession } from "@/session";
import { abilities, setAccess, setDefault, setRules, useModelChange, useRules } from "./data";

export function ModelTable({ open, onOpen }: { open: string | undefined; onOpen: (id: string) => void }) {
  const query = useModels();
  const actions = useModelActions();
  return (
    <States query={query} isEmpty={(all) => all.length === 0} empty={<Empty title={t("models.noModels")} />}>
      {(all) => (
        <div className="flex min-h-0 flex-1 flex-col">
          <NewRule />
          <DataTable
            name="models" label={t("models.title")} columns={columns} rows={all} rowId={(m) => m.id} total={all.length}
            onOpen={(m) => onOpen(m.id)} openId={open} actions={actions}
          />
        </div>
      )}
    </States>
  );
}

const columns: Column<Model>[] = [
  { id: "model", header: t("models.id"), width: "minmax(200px, 2fr)", cell: (m) => <span title={[m.name, ...(m.aliases ?? [])].join(", ")}>{m.display_name}</span> },
  { id: "name", header: t("models.name"), hidden: true, cell: (m) => m.name },
  { id: "state", header: t("models.state"), width: "minmax(150px, 1fr)", cell: (m) => <State model={m} /> },
  { id: "provider", header: t("models.provider"), cell: (m) => m.provider },
  { id: "window", header: t("models.window"), align: "end", cell: (m) => (m.context_window ? <Count n={m.context_window} /> : "—") },
  { id: "output", header: t("models.output"), align: "end", hidden: true, cell: (m) => (m.output_max ? <Count n={m.output_max} /> : "—") },
  { id: "input", header: t("models.input"), align: "end", cell: (m) => rate(m, m.price.input) },
  { id: "outputPrice", header: t("models.outputPrice"), align: "end", cell: (m) => rate(m, m.price.output) },
  { id: "abilities", header: t("models.abilities"), width: "170px", cell: (m) => <Abilities model={m} /> },
  { id: "type", header: t("models.type"), hidden: true, cell: (m) => t(`models.type_${m.type ?? "chat"}`) },
  { id: "groups", header: t("models.tabGroups"), hidden: true, cell: (m) => m.groups?.join(", ") || "—" },
  { id: "factsAt", header: t("models.factsAt"), hidden: true, cell: (m) => m.facts_at ?? "—" },
  { id: "managed", header: t("models.managed"), width: "130px", cell: (m) => managedBy(m.managed_by) },
  { id: "version", header: t("models.priceVersion"), hidden: true, cell: (m) => m.price.version ?? "—" },
];

/** A price, or that nobody knows it: that is not 0. */
export function rate(model: Model, price: string | undefined): string {
  return model.price.unknown ? t("models.priceUnknown") : creditText(price ?? "0");
}

export function managedBy(who: string | undefined): string {
  return t(who === "file" ? "models.byFile" : "models.byOrganisation");
}

export function State({ model }: { model: Model }) {
  return (
    <span className="flex flex-wrap gap-1">
      <Chip tone={model.enabled ? "ok" : "neutral"}>{t(model.enabled ? "models.on" : "models.off")}</Chip>
      {model.default && <Chip tone="accent">{t("models.isDefault")}</Chip>}
      {model.price.unknown && <Chip tone="warn">{t("models.noPrice")}</Chip>}
      {model.vanished && <Chip tone="warn">{t("models.vanished")}</Chip>}
    </span>
  );
}

function Abilities({ model }: { model: Model }) {
  return <>{abilityText(model.abilities, model.offline) || "—"}</>;
}

export function abilityText(can: string[] | null | undefined, offline?: boolean): string {
  return [...abilities.filter((a) => can?.includes(a)).map((a) => t(`models.can_${a}`)), ...(offline ? [t("models.offline")] : [])].join(", ");
}

/** What can be done with a model, as far as the person may. */
function useModelActions(): (model: Model) => MenuItem[] {
  const { can } = useSession();
  const access = useModelChange(setAccess);
  const standard = useModelChange(setDefault);
  return (model) => [
    {
      label: t(model.enabled ? "models.switchOff" : "models.switchOn"),
      disabled: !can("models.access"),
      onSelect: () => access.mutate({ id: model.id, enabled: !model.enabled }, { onError: tellFailure }),
    },
    {
      label: t(model.default ? "models.noDefault" : "models.makeDefault"),
      disabled: !can("models.set_default") || !model.enabled,
      onSelect: () => standard.mutate(model.default ? "" : model.id, { onError: tellFailure }),
    },
  ];
}

function NewRule() {
  const query = useRules();
  const { can } = useSession();
  const change = useModelChange(setRules);
  if (!query.data) return null;
  return (
    <div className="flex flex-wrap items-center gap-2 border-b border-line bg-surface px-4 py-2 text-sm">
      <label htmlFor="new-models" className="font-medium">{t("models.newRule")}</label>
      <Select
        id="new-models" aria-describedby="new-models-help" className="w-auto" disabled={!can("models.set_rules") || change.isPending} value={query.data.new}
        onChange={(e) => change.mutate({ new: e.target.value as "on" | "off" })}
      >
        <option value="on">{t("models.newOn")}</option>
        <option value="off">{t("models.newOff")}</option>
      </Select>
      <span id="new-models-help" className="text-muted">{t("models.newRuleHelp")}</span>
      {change.error && <span role="alert" className="text-bad">{change.error.message}</span>}
    </div>
  );
}
