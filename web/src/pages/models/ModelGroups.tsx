import { useState } from "react";
import { useModels } from "@/api/models";
import { Button } from "@/components/Button";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { type Column, DataTable } from "@/components/DataTable";
import { Drawer } from "@/components/Drawer";
import { Checkbox, Field, Form, Input } from "@/components/Form";
import { Empty, States } from "@/components/States";
import { t } from "@/messages";
import { useSession } from "@/session";
import { deleteModelGroup, type ModelGroup, saveModelGroup, useModelChange, useModelGroups } from "./data";

const columns: Column<ModelGroup>[] = [
  { id: "name", header: t("models.group"), cell: (g) => g.name },
  { id: "description", header: t("models.description"), width: "minmax(160px, 2fr)", cell: (g) => g.description || "—" },
  { id: "models", header: t("models.title"), width: "minmax(160px, 3fr)", cell: (g) => g.models?.join(", ") || "—" },
];

export function ModelGroups({ onOpen }: { onOpen: (name: string) => void }) {
  const query = useModelGroups();
  return (
    <States query={query} isEmpty={(all) => all.length === 0} empty={<Empty title={t("models.emptyGroups")}>{t("models.emptyGroupsHelp")}</Empty>}>
      {(all) => <DataTable name="model-groups" label={t("models.tabGroups")} columns={columns} rows={all} rowId={(g) => g.name} total={all.length} onOpen={(g) => onOpen(g.name)} />}
    </States>
  );
}

export function ModelGroupDrawer({ name, adding, onClose }: { name: string | undefined; adding: boolean; onClose: () => void }) {
  const query = useModelGroups();
  const group = query.data?.find((g) => g.name === name);
  return (
    <Drawer title={adding ? t("models.addGroup") : (name ?? "")} open={adding || name !== undefined} onClose={onClose}>
      {adding ? <GroupForm onDone={onClose} /> : group && <Details key={group.name} group={group} onClose={onClose} />}
    </Drawer>
  );
}

function Details({ group, onClose }: { group: ModelGroup; onClose: () => void }) {
  const { can } = useSession();
  const remove = useModelChange(deleteModelGroup);
  const [asking, setAsking] = useState(false);
  return (
    <div className="flex flex-col gap-4">
      <p className="text-muted">{t("models.groupHelp")}</p>
      <GroupForm group={group} onDone={onClose} />
      {can("model_groups.delete") && <div><Button onClick={() => setAsking(true)}>{t("models.remove")}</Button></div>}
      <ConfirmDialog
        title={t("models.removeGroup", { name: group.name })} description={t("models.removeGroupWhy")} act={t("models.remove")}
        open={asking} onClose={() => setAsking(false)} onConfirm={() => remove.mutateAsync(group.name).then(onClose)}
      />
    </div>
  );
}

/** What is in a model group. A model that has gone stays in it until somebody takes it out. */
function GroupForm({ group, onDone }: { group?: ModelGroup; onDone: () => void }) {
  const models = useModels();
  const save = useModelChange(saveModelGroup);
  const ids = [...new Set([...(models.data ?? []).map((m) => m.id), ...(group?.models ?? [])])].sort();
  const submit = async (form: HTMLFormElement) => {
    const of = new FormData(form);
    await save.mutateAsync({
      name: group?.name ?? String(of.get("name")).trim(), description: String(of.get("description")).trim(), models: of.getAll("models").map(String),
    });
    onDone();
  };
  return (
    <States query={models}>
      {() => (
        <Form submit={t("common.save")} onSubmit={submit}>
          {!group && <Field label={t("models.group")} help={t("models.nameRule")}><Input name="name" required pattern="[a-z0-9][a-z0-9\-]{0,62}" /></Field>}
          <Field label={t("models.description")} optional><Input name="description" maxLength={500} defaultValue={group?.description} /></Field>
          <fieldset className="flex flex-col gap-2">
            <legend className="pb-1 font-medium">{t("models.title")}</legend>
            {ids.map((id) => <Checkbox key={id} name="models" value={id} label={id} defaultChecked={group?.models?.includes(id) ?? false} />)}
          </fieldset>
        </Form>
      )}
    </States>
  );
}
