import { Filter as FilterIcon, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Button } from "@/components/Button";
import { Field, Input, Select } from "@/components/Form";
import { Modal } from "@/components/Modal";
import { t } from "@/messages";
import { type Filter, type FilterName, filterNames, type Names } from "./records";

const phases = ["intent", "outcome", "refusal", "event", "late"];

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
    set(Object.fromEntries(filterNames.map((name) => [name, read(name, String(form.get(name) ?? "").trim())])));
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
                  <Input name={name} defaultValue={filter[name] ?? ""} autoComplete="off" spellCheck={false} />
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

function read(name: FilterName, value: string): string | undefined {
  if (!value) return undefined;
  return name === "since" || name === "until" ? new Date(value).toISOString() : value;
}

/** As a field for local times wants it. */
function localTime(iso: string | undefined): string {
  if (!iso) return "";
  const at = new Date(iso);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
