import { modelsKey, useModels } from "@/api/models";
import { useChange } from "@/api/useChange";
import { Field, Form, FormError, Input, Select } from "@/components/Form";
import { type MessageKey, t } from "@/messages";
import { type Area, type Effective, type Policies, type Right, type State, decide, decideCeiling, features, others, withState } from "./groups";

/** Who decides: what can be said, how it is saved, and how what comes of it is told. */
export interface Decider {
  save: (decided: Policies) => Promise<unknown>;
  /** What can be said, and what each is called. */
  states: [State, MessageKey][];
  says: MessageKey;
  outcome: MessageKey;
  tell: (right: Right) => string;
}

export const byGroup = (id: string): Decider => ({
  save: (decided) => decide(id, decided),
  states: [["", "groups.silent"], ["on", "groups.on"], ["off", "groups.off"]],
  says: "groups.says",
  outcome: "groups.effective",
  tell: (right) => right.text,
});

/** The ceiling. In words: only a person who knows what off and by_group do decides well. */
export const byOrganisation: Decider = {
  save: decideCeiling,
  states: [["", "groups.silent"], ["on", "groups.on"], ["by_group", "groups.by_group"], ["off", "groups.off"]],
  says: "groups.organisationSays",
  outcome: "groups.means",
  tell: (right) => t(right.name === "agent_creation" && right.ceiling === "on" ? "groups.meansRole" : `groups.means_${right.ceiling}`),
};

interface Props {
  by: Decider;
  says: Policies;
  rights: Effective;
}

/**
 * Decides an area as long as it is what is shown; what comes of it, for everybody,
 * is read anew, also when somebody else was faster.
 */
function useDecide(by: Decider, { version }: Policies) {
  return useChange((decided: Policies) => by.save(version ? { ...decided, version } : decided), ["groups"], modelsKey);
}

interface Row {
  name: string;
  title: string;
  state: State;
}

interface TableProps {
  by: Decider;
  label: string;
  rows: Row[];
  text: (name: string) => string;
  busy: boolean;
  onSet: (name: string, state: State) => void;
}

function RightTable({ by, label, rows, text, busy, onSet }: TableProps) {
  return (
    <table className="w-full text-sm">
      <caption className="pb-2 text-start font-semibold">{label}</caption>
      <thead>
        <tr className="border-b border-line text-start">
          <th scope="col" className="py-1 text-start font-medium">{t("groups.right")}</th>
          <th scope="col" className="py-1 text-start font-medium">{t(by.says)}</th>
          <th scope="col" className="py-1 text-start font-medium">{t(by.outcome)}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.name} className="border-b border-line">
            <th scope="row" className="py-1 pe-2 text-start font-normal break-all">{row.title}</th>
            <td className="w-36 py-1 pe-2">
              <Select aria-label={`${label}: ${row.title}`} value={row.state} disabled={busy} onChange={(e) => onSet(row.name, e.target.value as State)}>
                {by.states.map(([state, name]) => <option key={state} value={state}>{t(name)}</option>)}
              </Select>
            </td>
            <td className="py-1">{text(row.name)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function teller({ by, rights }: Props, area: string): (name: string) => string {
  return (name) => {
    const right = rights.rights.find((r) => r.area === area && r.name === name);
    return right ? by.tell(right) : "";
  };
}

export function Permissions(props: Props) {
  const { by, says } = props;
  const change = useDecide(by, says);
  const rows = features.map((name) => ({ name, title: t(`groups.${name}`), state: says.features?.[name] ?? "" }) satisfies Row);
  return (
    <div className="flex flex-col gap-2">
      <FormError error={change.error} />
      <RightTable
        by={by}
        label={t("groups.permissions")}
        rows={rows}
        text={teller(props, "features")}
        busy={change.isPending}
        onSet={(name, state) => {
          const { [name]: _, ...rest } = says.features ?? {};
          change.mutate({ features: state ? { ...rest, [name]: state } : rest });
        }}
      />
    </div>
  );
}

/** The things of an area, of models the model groups and providers too; with named, others can be added by name. */
export function ThingRights({ area, named, ...props }: Props & { area: Area; named?: boolean }) {
  const { by, says, rights } = props;
  const change = useDecide(by, says);
  const decided = says[area];
  const names = new Set([...rights.rights.filter((r) => r.area === area).map((r) => r.name), ...Object.keys(decided?.names ?? {})]);
  names.delete(others);
  const rows: Row[] = [...names].sort().map((name) => ({ name, title: name, state: decided?.names?.[name] ?? "" }));
  rows.push({ name: others, title: t("groups.others"), state: decided?.default ?? "" });
  return (
    <div className="flex flex-col gap-2">
      <FormError error={change.error} />
      <RightTable
        by={by}
        label={t(area === "models" ? "models.title" : `groups.${area}`)}
        rows={rows}
        text={teller(props, area)}
        busy={change.isPending}
        onSet={(name, state) => change.mutate({ [area]: withState(decided, name, state) })}
      />
      {area === "models" && <WholesTable {...props} change={change} kind="groups" />}
      {area === "models" && <WholesTable {...props} change={change} kind="providers" />}
      {named && (
        <Form
          submit={t("groups.addThing")}
          onSubmit={async (form) => {
            try {
              await change.mutateAsync({ [area]: withState(decided, String(new FormData(form).get("name")).trim(), "on") });
            } catch {
              return false; // the table says why
            }
            form.reset();
            return true;
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

/**
 * The model groups, and the providers of models: what is said of one holds for its
 * models that are not named themselves, of a group before that of a provider. They are
 * of the same area, so all tables share one change.
 */
function WholesTable({ by, says, change, kind }: Props & { change: ReturnType<typeof useDecide>; kind: "groups" | "providers" }) {
  const models = useModels();
  const decided = says.models?.[kind];
  const known = (models.data ?? []).flatMap((m) => (kind === "groups" ? (m.groups ?? []) : [m.provider]));
  const names = new Set([...known, ...Object.keys(decided ?? {})]);
  if (kind === "groups" && names.size === 0) return null;
  const rows: Row[] = [...names].sort().map((name) => ({ name, title: name, state: decided?.[name] ?? "" }));
  return (
    <div className="mt-4 flex flex-col gap-2">
      <FormError error={models.error} />
      <RightTable
        by={by}
        label={t(kind === "groups" ? "groups.modelGroups" : "groups.providers")}
        rows={rows}
        text={(name) => t(decided?.[name] ? "groups.providerDecided" : "groups.providerSilent")}
        busy={change.isPending}
        onSet={(name, state) => change.mutate({ models: withState(says.models, name, state, kind) })}
      />
    </div>
  );
}

export function Dlp({ by, says, rights }: Props) {
  const change = useDecide(by, says);
  return (
    <section className="flex flex-col gap-2">
      <h3 className="font-semibold">{t("groups.dlp")}</h3>
      <p className="text-sm text-muted">{t("groups.dlpHelp")}</p>
      <FormError error={change.error} />
      <Field label={t("groups.dlpMode")} help={t("groups.dlpEffective", { mode: rights.dlp.mode })}>
        <Select
          value={says.dlp?.mode ?? ""}
          disabled={change.isPending}
          onChange={(e) => change.mutate({ dlp: (e.target.value ? { ...says.dlp, mode: e.target.value } : {}) as NonNullable<Policies["dlp"]> })}
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
