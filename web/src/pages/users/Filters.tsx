import { Select } from "@/components/Form";
import { SearchField } from "@/components/SearchField";
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
      <SearchField className="w-64" label={t("users.search")} value={filter.q ?? ""} onChange={(q) => onChange({ q })} />
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
