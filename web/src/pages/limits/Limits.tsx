import { useState } from "react";
import { Button } from "@/components/Button";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { type Column, DataTable } from "@/components/DataTable";
import { Drawer } from "@/components/Drawer";
import { Field, Form, Input, Select } from "@/components/Form";
import { States } from "@/components/States";
import { t } from "@/messages";
import { useSession } from "@/session";
import { type Limit, limitId, removeLimits, type Scope, setLimits, useLimitChange, useLimits, useSubjects, whose } from "./data";
import { Meter } from "./Meter";

const units = [["requests", "requests_per_minute"], ["tokens", "tokens_per_minute"], ["concurrent", "concurrent"]] as const;

/** What one unit of a scope is bounded to, with its use where there is one. */
function Unit({ limit, unit, field }: { limit: Limit; unit: (typeof units)[number][0]; field: (typeof units)[number][1] }) {
  const use = limit.use?.find((u) => u.unit === unit);
  if (use) return <Meter label={t(`limits.${unit}`)} used={use.used} limit={use.limit} />;
  return <>{limit[field] ? limit[field]?.toLocaleString() : t("limits.noLimit")}</>;
}

export const limitColumns: Column<Limit>[] = [
  { id: "scope", header: t("limits.scope"), width: "120px", cell: (l) => t(`limits.${l.scope}`) },
  { id: "whose", header: t("limits.whose"), width: "minmax(180px, 2fr)", cell: whose },
  ...units.map(([unit, field]): Column<Limit> => ({ id: unit, header: t(`limits.${unit}`), width: "minmax(150px, 1fr)", cell: (l) => <Unit limit={l} unit={unit} field={field} /> })),
  { id: "managed", header: t("limits.managed"), width: "130px", cell: (l) => t(l.managed_by === "file" ? "limits.byFile" : "limits.byOrganisation") },
];

export function LimitTable({ open, onOpen }: { open: string | undefined; onOpen: (id: string) => void }) {
  const query = useLimits();
  return (
    <States query={query}>
      {(all) => <DataTable name="limits" label={t("limits.tabLimits")} columns={limitColumns} rows={all} rowId={limitId} total={all.length} onOpen={(l) => onOpen(limitId(l))} openId={open} />}
    </States>
  );
}

export function LimitDrawer({ id, adding, onClose }: { id: string | undefined; adding: boolean; onClose: () => void }) {
  const query = useLimits();
  const limit = query.data?.find((l) => limitId(l) === id);
  return (
    <Drawer title={adding ? t("limits.add") : limit ? whose(limit) : t("limits.edit")} open={adding || id !== undefined} onClose={onClose}>
      {adding && <LimitForm onDone={onClose} />}
      {!adding && limit && <Details key={id} limit={limit} onClose={onClose} />}
    </Drawer>
  );
}

function Details({ limit, onClose }: { limit: Limit; onClose: () => void }) {
  const { can } = useSession();
  const remove = useLimitChange(removeLimits);
  const [asking, setAsking] = useState(false);
  const ofFile = limit.scope !== "organisation" && !limit.id;
  if (ofFile || !can("policies.set")) return <p className="rounded-md bg-sunken p-3 text-muted">{t("common.managedByFile")}</p>;
  return (
    <div className="flex flex-col gap-4">
      {limit.managed_by === "file" && <p className="rounded-md bg-sunken p-3 text-muted">{t("common.managedByFile")}</p>}
      <LimitForm limit={limit} onDone={onClose} />
      {limit.managed_by === "organisation" && <Button onClick={() => setAsking(true)}>{t("limits.remove")}</Button>}
      <ConfirmDialog
        title={t("limits.removeLimit", { name: whose(limit) })} description={t("limits.removeLimitWhy")} act={t("limits.remove")}
        open={asking} onClose={() => setAsking(false)} onConfirm={() => remove.mutateAsync(limit).then(onClose)}
      />
    </div>
  );
}

const scopes: Scope[] = ["organisation", "model", "group", "user", "key"];

/** The scope of a thing, and which of its things. */
export function SubjectFields({ scope, onScope, of, name }: { scope: Scope; onScope: (scope: Scope) => void; of: Scope[]; name: string }) {
  const subjects = useSubjects(scope);
  return (
    <>
      <Field label={t("limits.scope")}>
        <Select value={scope} onChange={(e) => onScope(e.target.value as Scope)}>{of.map((s) => <option key={s} value={s}>{t(`limits.${s}`)}</option>)}</Select>
      </Field>
      {scope !== "organisation" && (
        <Field label={t("limits.whose")} error={subjects.error?.message}>
          <Select name={name} required>{(subjects.data ?? []).map((s) => <option key={s.id} value={s.id}>{s.name}</option>)}</Select>
        </Field>
      )}
    </>
  );
}

function LimitForm({ limit, onDone }: { limit?: Limit; onDone: () => void }) {
  const save = useLimitChange(setLimits);
  const [scope, setScope] = useState<Scope>(limit?.scope ?? "organisation");
  const submit = async (form: HTMLFormElement) => {
    const of = new FormData(form);
    const number = (name: string) => Number(of.get(name) || 0);
    const id = limit?.id ?? String(of.get("id") ?? "");
    await save.mutateAsync({
      scope, ...(id ? { id } : {}),
      rates: { requests_per_minute: number("requests_per_minute"), tokens_per_minute: number("tokens_per_minute"), concurrent: number("concurrent") },
    });
    onDone();
  };
  return (
    <Form submit={t("common.save")} onSubmit={submit}>
      {!limit && <SubjectFields scope={scope} onScope={setScope} of={scopes} name="id" />}
      {units.map(([unit, field]) => (
        <Field key={unit} label={t(`limits.${unit}`)} help={t("limits.zero")}>
          <Input name={field} type="number" min={0} defaultValue={limit?.[field] ?? 0} />
        </Field>
      ))}
    </Form>
  );
}
