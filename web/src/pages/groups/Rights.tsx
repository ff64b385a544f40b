import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Field, Form, FormError, Input, Select } from "@/components/Form";
import { t } from "@/messages";
import { type Area, type Effective, type Policies, type State, decide, features, others, withState } from "./groups";

interface Props {
  group: string;
  says: Policies;
  rights: Effective;
}

/** Decides an area, and shows what comes of it. */
function useDecide(group: string) {
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const set = async (decided: Policies) => {
    setBusy(true);
    setError(null);
    try {
      await decide(group, decided);
    } catch (failure) {
      setError(failure);
    }
    await queries.invalidateQueries({ queryKey: ["groups", group] });
    setBusy(false);
  };
  return { busy, error, set };
}

interface Row {
  name: string;
  title: string;
  state: State;
}

function RightTable({ label, rows, text, busy, onSet }: { label: string; rows: Row[]; text: (name: string) => string; busy: boolean; onSet: (name: string, state: State) => void }) {
  return (
    <table className="w-full text-sm">
      <caption className="pb-2 text-start font-semibold">{label}</caption>
      <thead>
        <tr className="border-b border-line text-start">
          <th scope="col" className="py-1 text-start font-medium">{t("groups.right")}</th>
          <th scope="col" className="py-1 text-start font-medium">{t("groups.says")}</th>
          <th scope="col" className="py-1 text-start font-medium">{t("groups.effective")}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.name} className="border-b border-line">
            <th scope="row" className="py-1 pe-2 text-start font-normal break-all">{row.title}</th>
            <td className="w-36 py-1 pe-2">
              <Select aria-label={`${label}: ${row.title}`} value={row.state} disabled={busy} onChange={(e) => onSet(row.name, e.target.value as State)}>
                <option value="">{t("groups.silent")}</option>
                <option value="on">{t("groups.on")}</option>
                <option value="off">{t("groups.off")}</option>
              </Select>
            </td>
            <td className="py-1">{text(row.name)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const textOf = (rights: Effective, area: string) => (name: string) => rights.rights.find((r) => r.area === area && r.name === name)?.text ?? "";

export function Permissions({ group, says, rights }: Props) {
  const { busy, error, set } = useDecide(group);
  const rows = features.map((name) => ({ name, title: t(`groups.${name}`), state: says.features?.[name] ?? "" }) satisfies Row);
  return (
    <div className="flex flex-col gap-2">
      <FormError error={error} />
      <RightTable
        label={t("groups.permissions")}
        rows={rows}
        text={textOf(rights, "features")}
        busy={busy}
        onSet={(name, state) => {
          const { [name]: _, ...rest } = says.features ?? {};
          void set({ features: state ? { ...rest, [name]: state } : rest });
        }}
      />
    </div>
  );
}

/** The things of an area; with named, others can be added by name. */
export function ThingRights({ group, says, rights, area, named }: Props & { area: Area; named?: boolean }) {
  const { busy, error, set } = useDecide(group);
  const decided = says[area];
  const names = new Set([...rights.rights.filter((r) => r.area === area).map((r) => r.name), ...Object.keys(decided?.names ?? {})]);
  names.delete(others);
  const rows: Row[] = [...names].sort().map((name) => ({ name, title: name, state: decided?.names?.[name] ?? "" }));
  rows.push({ name: others, title: t("groups.others"), state: decided?.default ?? "" });
  return (
    <div className="flex flex-col gap-2">
      <FormError error={error} />
      <RightTable label={t(area === "models" ? "models.title" : `groups.${area}`)} rows={rows} text={textOf(rights, area)} busy={busy} onSet={(name, state) => void set({ [area]: withState(decided, name, state) })} />
      {named && (
        <Form
          submit={t("groups.addThing")}
          onSubmit={async (form) => {
            await set({ [area]: withState(decided, String(new FormData(form).get("name")).trim(), "on") });
            form.reset();
          }}
        >
          <Field label={`${t(`groups.${area}`)}: ${t("groups.addName")}`}>
            <Input name="name" required maxLength={200} pattern="[!-~]+" />
          </Field>
        </Form>
      )}
    </div>
  );
}

export function Dlp({ group, says, rights }: Props) {
  const { busy, error, set } = useDecide(group);
  return (
    <section className="flex flex-col gap-2">
      <h3 className="font-semibold">{t("groups.dlp")}</h3>
      <p className="text-sm text-muted">{t("groups.dlpHelp")}</p>
      <FormError error={error} />
      <Field label={t("groups.dlpMode")} help={t("groups.dlpEffective", { mode: rights.dlp.mode })}>
        <Select
          value={says.dlp?.mode ?? ""}
          disabled={busy}
          onChange={(e) => void set({ dlp: (e.target.value ? { ...says.dlp, mode: e.target.value } : {}) as NonNullable<Policies["dlp"]> })}
        >
          <option value="">{t("groups.silent")}</option>
          <option value="enforce">{t("groups.enforce")}</option>
          <option value="observe">{t("groups.observe")}</option>
          <option value="off">{t("groups.off")}</option>
        </Select>
      </Field>
    </section>
  );
}
