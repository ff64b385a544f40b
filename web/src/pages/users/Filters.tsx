import { Input, Select } from "@/components/Form";
import { t } from "@/messages";
import { roles, states, type UserFilter } from "./users";

interface FiltersProps {
  filter: UserFilter;
  groups: { id: string; name: string }[];
  onChange: (changed: Record<string, string | undefined>) => void;
}

/** What the list is narrowed by; the address has it. */
export function Filters({ filter, groups, onChange }: FiltersProps) {
  return (
    <>
      <Input type="search" className="w-64" aria-label={t("users.search")} placeholder={t("users.search")} data-shortcut="search" value={filter.q ?? ""} onChange={(e) => onChange({ q: e.target.value })} />
      <Select className="w-40" aria-label={t("users.role")} value={filter.role ?? ""} onChange={(e) => onChange({ role: e.target.value })}>
        <option value="">{t("users.anyRole")}</option>
        {roles.map((role) => <option key={role} value={role}>{t(`users.${role}`)}</option>)}
      </Select>
      <Select className="w-40" aria-label={t("users.state")} value={filter.state ?? ""} onChange={(e) => onChange({ state: e.target.value })}>
        <option value="">{t("users.anyState")}</option>
        {states.map((state) => <option key={state} value={state}>{t(`users.${state}`)}</option>)}
      </Select>
      {groups.length > 0 && (
        <Select className="w-40" aria-label={t("users.group")} value={filter.group ?? ""} onChange={(e) => onChange({ group: e.target.value })}>
          <option value="">{t("users.anyGroup")}</option>
          {groups.map((g) => <option key={g.id} value={g.id}>{g.name}</option>)}
        </Select>
      )}
    </>
  );
}
