import { Filter as FilterIcon, X } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import { Button } from "@/components/Button";
import { Field, Input, Select } from "@/components/Form";
import { Modal } from "@/components/Modal";
import { t } from "@/messages";
import { type Filter, type FilterName, filterNames, type Names } from "./records";

const phases = ["intent", "outcome", "refusal", "event", "late"];

/** What a value may look like, where that is not obvious. */
const examples: Partial<Record<FilterName, string>> = {
  action: "chat.completions", outcome: "success", code: "rate_limit_exceeded", actor: "ann@acme.test", key: "sp-k3vq7xw2", route: "POST /v1/messages", finding: "EMAIL_ADDRESS", resource: "user/…",
};

/** The trail is asked for ids, which nobody types: those that it has named by now, and what a person calls each. */
function called(name: FilterName, names: Names): { id: string; text: string; more: string }[] {
  const kind = name === "actor" ? "user/" : name === "key" ? "key/" : undefined;
  if (!kind) return [];
  return Object.entries(names).flatMap(([of, known]) => (of.startsWith(kind) ? [{ id: of.slice(kind.length), text: known.detail || known.name, more: known.detail ? known.name : "" }] : []));
}

/** The value of a filter as a person reads it. */
export function filterText(name: FilterName, value: string, names: Names): string {
  const known = name === "actor" ? names[`user/${value}`] : name === "key" ? names[`key/${value}`] : name === "resource" ? names[value] : undefined;
  return `${t(`audit.filter_${name}`)}: ${known?.name || known?.detail || value}`;
}

/** The filters that hold, each to be taken away, and a dialog with all of them. */
export function Filters({ filter, names, set }: { filter: Filter; names: Names; set: (changed: Partial<Record<FilterName, string | undefined>>) => void }) {
  const [open, setOpen] = useState(false);
  const active = filterNames.filter((name) => filter[name]);
  const submit = (e: FormEvent<HTMLFormElement>) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget);
    set(Object.fromEntries(filterNames.map((name) => [name, read(name, String(form.get(name) ?? "").trim(), names)])));
    setOpen(false);
  };
  return (
    <>
      <Button size="small" data-shortcut="search" onClick={() => setOpen(true)}>
        <FilterIcon aria-hidden className="size-4" />
        {t("audit.filter")}
      </Button>
      <ul aria-label={t("audit.filters")} className="flex flex-wrap gap-2">
        {active.map((name) => {
          const label = filterText(name, filter[name] ?? "", names);
          return (
            <li key={name}>
              <Button size="small" onClick={() => set({ [name]: undefined })} aria-label={t("common.removeFilter", { filter: label })}>
                <span className="max-w-60 truncate">{label}</span>
                <X aria-hidden className="size-3" />
              </Button>
            </li>
          );
        })}
      </ul>
      <Modal title={t("audit.filter")} open={open} onClose={() => setOpen(false)}>
        <form onSubmit={submit} className="flex flex-col gap-3">
          <div className="grid grid-cols-2 gap-3 max-md:grid-cols-1">
            {filterNames.map((name) => (
              <Field key={name} label={t(`audit.filter_${name}`)}>
                {name === "phase" ? (
                  <Select name={name} defaultValue={filter.phase ?? ""}>
                    <option value="">{t("audit.any")}</option>
                    {phases.map((phase) => <option key={phase}>{phase}</option>)}
                  </Select>
                ) : name === "since" || name === "until" ? (
                  <Input name={name} type="datetime-local" step={1} defaultValue={localTime(filter[name])} />
                ) : (
                  <Named name={name} value={filter[name] ?? ""} names={names} />
                )}
              </Field>
            ))}
          </div>
          <div className="flex justify-end gap-2">
            <Button onClick={() => setOpen(false)}>{t("common.cancel")}</Button>
            <Button type="submit" look="primary">{t("audit.apply")}</Button>
          </div>
        </form>
      </Modal>
    </>
  );
}

/** A field for a text; those that are known by now are offered. */
function Named({ name, value, names }: { name: FilterName; value: string; names: Names }) {
  const list = useId();
  const all = called(name, names);
  const example = examples[name];
  return (
    <>
      <Input
        name={name} defaultValue={all.find(({ id }) => id === value)?.text ?? value} autoComplete="off" spellCheck={false}
        {...(example && { placeholder: t("audit.suchAs", { example }) })} {...(all.length > 0 && { list })}
      />
      {all.length > 0 && <datalist id={list}>{all.map(({ id, text, more }) => <option key={id} value={text}>{more}</option>)}</datalist>}
    </>
  );
}

function read(name: FilterName, value: string, names: Names): string | undefined {
  if (!value) return undefined;
  if (name === "since" || name === "until") return new Date(value).toISOString();
  return called(name, names).find(({ text }) => text.toLowerCase() === value.toLowerCase())?.id ?? value;
}

/** As a field for local times wants it. */
function localTime(iso: string | undefined): string {
  if (!iso) return "";
  const at = new Date(iso);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
