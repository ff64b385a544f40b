import { DataTable } from "@/components/DataTable";
import { Field, Select } from "@/components/Form";
import { States } from "@/components/States";
import { t } from "@/messages";
import { budgetColumns } from "./Budgets";
import { budgetId, limitId, useSubjects, useUserLimits } from "./data";
import { limitColumns } from "./Limits";

/** Everything that a call of one user meets. */
export function UserView({ id, onChoose }: { id: string | undefined; onChoose: (id: string) => void }) {
  const users = useSubjects("user");
  const query = useUserLimits(id);
  return (
    <div className="flex min-h-0 flex-1 flex-col overflow-auto">
      <div className="max-w-md p-4">
        <Field label={t("limits.chooseUser")} help={t("limits.chooseUserHelp")} error={users.error?.message}>
          <Select value={id ?? ""} onChange={(e) => onChoose(e.target.value)}>
            <option value="" />
            {(users.data ?? []).map((u) => <option key={u.id} value={u.id}>{u.name}</option>)}
          </Select>
        </Field>
      </div>
      {id && (
        <States query={query}>
          {(all) => (
            <>
              <Part title={t("limits.tabLimits")} rows={all.limits?.length ?? 0}><DataTable name="user-limits" label={t("limits.tabLimits")} columns={limitColumns} rows={all.limits ?? []} rowId={limitId} /></Part>
              <Part title={t("limits.keysToo")} rows={all.keys?.length ?? 0}><DataTable name="user-keys" label={t("limits.keysToo")} columns={limitColumns} rows={all.keys ?? []} rowId={limitId} /></Part>
              <Part title={t("limits.tabBudgets")} rows={all.budgets?.length ?? 0}><DataTable name="user-budgets" label={t("limits.tabBudgets")} columns={budgetColumns} rows={all.budgets ?? []} rowId={budgetId} /></Part>
            </>
          )}
        </States>
      )}
    </div>
  );
}

/** As high as its rows, up to a bound: then it scrolls by itself. */
function Part({ title, rows, children }: { title: string; rows: number; children: React.ReactNode }) {
  return (
    <section className="border-t border-line">
      <h2 className="px-4 pt-3 font-semibold">{title}</h2>
      {rows === 0 ? <p className="px-4 py-3 text-muted">{t("limits.nothing")}</p> : <div className="flex" style={{ height: Math.min(rows, 10) * 36 + 80 }}>{children}</div>}
    </section>
  );
}
