import { useState } from "react";
import { creditText } from "@/components/Amount";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { type Column, DataTable } from "@/components/DataTable";
import { Drawer } from "@/components/Drawer";
import { Field, Form, Input, Select } from "@/components/Form";
import { Empty, States } from "@/components/States";
import { t } from "@/messages";
import { useSession } from "@/session";
import { type Budget, budgetId, removeBudget, type Scope, setBudget, useBudgets, useLimitChange } from "./data";
import { SubjectFields } from "./Limits";
import { Meter } from "./Meter";

const name = (b: Budget) => (b.subject ? (b.name ?? b.subject) : t("limits.wholeOrganisation"));

export const budgetColumns: Column<Budget>[] = [
  { id: "scope", header: t("limits.scope"), width: "120px", cell: (b) => t(`limits.${b.scope as Scope}`) },
  { id: "whose", header: t("limits.whose"), width: "minmax(160px, 2fr)", cell: name },
  { id: "period", header: t("limits.period"), width: "90px", cell: (b) => t(`limits.${b.period as "day" | "month" | "total"}`) },
  {
    id: "spent", header: t("limits.spent"), width: "minmax(220px, 1fr)",
    cell: (b) => <Meter label={t("limits.spent")} used={Number(b.spent) + Number(b.held)} limit={Number(b.limit)} text={t("limits.used", { used: creditText(b.spent), limit: creditText(b.limit) })} />,
  },
  { id: "held", header: t("limits.held"), align: "end", cell: (b) => creditText(b.held) },
];

export function Budgets() {
  const query = useBudgets();
  const { can } = useSession();
  const remove = useLimitChange(removeBudget);
  const [asked, setAsked] = useState<Budget>();
  return (
    <States query={query} isEmpty={(all) => all.length === 0} empty={<Empty title={t("limits.noBudgets")}>{t("limits.noBudgetsHelp")}</Empty>}>
      {(all) => (
        <>
          <DataTable
            name="budgets" label={t("limits.tabBudgets")} columns={budgetColumns} rows={all} rowId={budgetId} total={all.length}
            actions={(b) => [{ label: t("limits.remove"), danger: true, disabled: !can("budgets.remove"), onSelect: () => setAsked(b) }]}
          />
          <ConfirmDialog
            title={t("limits.removeBudget", { name: asked ? name(asked) : "" })} description={t("limits.removeBudgetWhy")} act={t("limits.remove")}
            open={!!asked} onClose={() => setAsked(undefined)} onConfirm={async () => asked && remove.mutateAsync(asked)}
          />
        </>
      )}
    </States>
  );
}

export function NewBudget({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Drawer title={t("limits.addBudget")} open={open} onClose={onClose}>
      {open && <BudgetForm onDone={onClose} />}
    </Drawer>
  );
}

function BudgetForm({ onDone }: { onDone: () => void }) {
  const save = useLimitChange(setBudget);
  const [scope, setScope] = useState<Scope>("organisation");
  const submit = async (form: HTMLFormElement) => {
    const of = new FormData(form);
    const subject = String(of.get("subject") ?? "");
    await save.mutateAsync({ scope, ...(subject ? { subject } : {}), period: String(of.get("period")), limit: String(of.get("limit")).trim() });
    onDone();
  };
  return (
    <Form submit={t("common.save")} onSubmit={submit}>
      <SubjectFields scope={scope} onScope={setScope} of={["organisation", "group", "user", "key", "agent", "model"]} name="subject" />
      <Field label={t("limits.period")} help={t("limits.periodHelp")}>
        <Select name="period" defaultValue="month">
          {(["day", "month", "total"] as const).map((p) => <option key={p} value={p}>{t(`limits.${p}`)}</option>)}
        </Select>
      </Field>
      <Field label={t("limits.budgetLimit")}><Input name="limit" required inputMode="decimal" /></Field>
    </Form>
  );
}
