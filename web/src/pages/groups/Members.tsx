import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/Button";
import { Field, Form, FormError, TextArea } from "@/components/Form";
import { Empty, States } from "@/components/States";
import { t } from "@/messages";
import { type Pasted, add, drop, members, preview } from "./groups";

export function Members({ group }: { group: string }) {
  const query = useQuery({ queryKey: ["groups", group, "members"], queryFn: () => members(group) });
  const queries = useQueryClient();
  const [error, setError] = useState<unknown>(null);
  const again = () => queries.invalidateQueries({ queryKey: ["groups", group] });
  const takeOut = async (user: string) => {
    setError(null);
    try {
      await drop(group, user);
    } catch (failure) {
      setError(failure);
    }
    await again();
  };
  return (
    <div className="flex flex-col gap-4">
      <FormError error={error} />
      <States query={query} isEmpty={(all) => all.length === 0} empty={<Empty title={t("groups.noMembers")} />}>
        {(all) => (
          <ul aria-label={t("groups.members")} className="flex flex-col">
            {all.map((m) => (
              <li key={m.user_id} className="flex items-center gap-2 border-b border-line py-1">
                <span className="min-w-0 flex-1 break-all">
                  {m.email} <span className="text-muted">{m.role}</span>
                </span>
                <Button size="small" aria-label={t("groups.remove", { email: m.email })} onClick={() => void takeOut(m.user_id)}>
                  {t("common.remove")}
                </Button>
              </li>
            ))}
          </ul>
        )}
      </States>
      <Paste group={group} done={again} />
    </div>
  );
}

/** Pasted addresses are looked up first: who is nobody here is shown before anything changes. */
function Paste({ group, done }: { group: string; done: () => Promise<unknown> }) {
  const [text, setText] = useState("");
  const [pasted, setPasted] = useState<Pasted>();
  const check = async () => {
    setPasted(await preview(group, text));
    return false;
  };
  const submit = async () => {
    if (!pasted?.found.length) return check();
    await add(group, pasted.found.map((m) => m.user_id));
    setText("");
    setPasted(undefined);
    await done();
    return true;
  };
  return (
    <Form submit={pasted?.found.length ? t("groups.add", { n: pasted.found.length }) : t("groups.preview")} onSubmit={submit}>
      <Field label={t("groups.paste")} help={t("groups.pasteHelp")}>
        <TextArea
          value={text}
          required
          onChange={(e) => {
            setText(e.target.value);
            setPasted(undefined);
          }}
        />
      </Field>
      {pasted && (
        <ul role="status" className="text-sm">
          <li>{t("groups.found", { n: pasted.found.length })}</li>
          {pasted.already.length > 0 && <li>{t("groups.already", { n: pasted.already.length })}</li>}
          {pasted.unknown.length > 0 && <li className="text-bad">{t("groups.unknown", { n: pasted.unknown.length, list: pasted.unknown.join(", ") })}</li>}
        </ul>
      )}
    </Form>
  );
}
