import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Bookmark } from "lucide-react";
import { useState } from "react";
import { api, ask } from "@/api/client";
import { Button } from "@/components/Button";
import { Field, Form, Input } from "@/components/Form";
import { Menu } from "@/components/Menu";
import { Modal } from "@/components/Modal";
import { tellFailure } from "@/components/tell";
import { t } from "@/messages";
import { type Filter, filterNames, type FilterName } from "./records";

const key = ["audit", "searches"];

/** The searches that this person keeps. */
export function Searches({ filter, set }: { filter: Filter; set: (changed: Partial<Record<FilterName, string | undefined>>) => void }) {
  const queries = useQueryClient();
  const kept = useQuery({ queryKey: key, queryFn: () => ask(api.GET("/api/v1/audit/searches")) });
  const [saving, setSaving] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const changed = () => queries.invalidateQueries({ queryKey: key });
  const all = kept.data ?? [];
  const save = async (form: HTMLFormElement) => {
    const name = String(new FormData(form).get("name") ?? "").trim();
    const { event: _, ...query } = filter as Filter & { event?: string };
    await ask(api.POST("/api/v1/audit/searches", { body: { name, query } }));
    await changed();
    setSaving(false);
  };
  const remove = (id: string) => ask(api.DELETE("/api/v1/audit/searches/{id}", { params: { path: { id } } })).catch(tellFailure).then(changed);
  const items = [
    ...all.map((s) => ({
      label: s.name,
      onSelect: () => set(Object.fromEntries(filterNames.map((name) => [name, (s.query as Filter)[name]]))),
    })),
    { label: t("audit.saveSearch"), onSelect: () => setSaving(true) },
    { label: t("audit.deleteSearches"), disabled: all.length === 0, onSelect: () => setDeleting(true) },
  ];
  return (
    <>
      <Menu align="start" items={items} trigger={<Button size="small"><Bookmark aria-hidden className="size-4" />{t("audit.searches")}</Button>} />
      <Modal title={t("audit.saveSearch")} open={saving} onClose={() => setSaving(false)}>
        <Form submit={t("common.save")} onCancel={() => setSaving(false)} onSubmit={save}>
          <Field label={t("audit.searchName")}>
            <Input name="name" required maxLength={100} autoComplete="off" />
          </Field>
        </Form>
      </Modal>
      <Modal title={t("audit.deleteSearches")} open={deleting} onClose={() => setDeleting(false)}>
        <ul className="flex flex-col gap-2">
          {all.map((s) => (
            <li key={s.id} className="flex items-center justify-between gap-2">
              <span className="truncate">{s.name}</span>
              <Button size="small" aria-label={t("audit.deleteSearch", { name: s.name })} onClick={() => void remove(s.id)}>
                {t("common.remove")}
              </Button>
            </li>
          ))}
        </ul>
      </Modal>
    </>
  );
}
