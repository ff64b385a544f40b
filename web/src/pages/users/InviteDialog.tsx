import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "@/api/client";
import { Button } from "@/components/Button";
import { CopyButton } from "@/components/CopyButton";
import { Checkbox, Field, Form, Input, Select, TextArea } from "@/components/Form";
import { Modal } from "@/components/Modal";
import { t } from "@/messages";
import { serverAddress } from "@/root";
import { addressesIn, inviteMax, type Role, roles } from "./users";

interface InviteDialogProps {
  open: boolean;
  onClose: () => void;
  groups: { id: string; name: string }[];
}

interface Made {
  links: { email: string; link: string }[];
  refused: { email: string; why: string }[];
}

/** Makes a link for everybody who is named, and shows the links once. */
export function InviteDialog({ open, onClose, groups }: InviteDialogProps) {
  const [made, setMade] = useState<Made | null>(null);
  const close = () => {
    setMade(null);
    onClose();
  };
  return made ? (
    <Modal title={t("users.invitedTitle", { n: made.links.length })} description={t("users.invitedWhy")} open={open} onClose={close} firm>
      <Links made={made} onClose={close} />
    </Modal>
  ) : (
    <Modal title={t("users.inviteTitle")} description={t("users.inviteWhy")} open={open} onClose={close}>
      {open && <InviteForm groups={groups} onClose={close} onMade={setMade} />}
    </Modal>
  );
}

function InviteForm({ groups, onClose, onMade }: { groups: InviteDialogProps["groups"]; onClose: () => void; onMade: (made: Made) => void }) {
  const queries = useQueryClient();
  const [text, setText] = useState("");
  const [role, setRole] = useState<Role>("user");
  const [chosen, setChosen] = useState<string[]>([]);
  const invite = async () => {
    const emails = addressesIn(text);
    if (emails.length === 0) throw new Error(t("users.inviteNone"));
    if (emails.length > inviteMax) throw new Error(t("users.inviteMany", { n: inviteMax }));
    const made: Made = { links: [], refused: [] };
    for (const email of emails) {
      try {
        const { path } = await ask(api.POST("/api/v1/invites", { body: { email, role, groups: chosen } }));
        made.links.push({ email, link: serverAddress + path });
      } catch (error) {
        if (emails.length === 1) throw error;
        made.refused.push({ email, why: (error as Error).message });
      }
    }
    void queries.invalidateQueries({ queryKey: ["invites"] });
    onMade(made);
  };
  return (
    <Form submit={t("users.inviteAct")} onCancel={onClose} onSubmit={invite}>
      <Field label={t("users.inviteEmails")} help={t("users.inviteEmailsHelp")}>
        <TextArea required value={text} onChange={(e) => setText(e.target.value)} autoComplete="off" />
      </Field>
      <Field label={t("users.role")}>
        <Select value={role} onChange={(e) => setRole(e.target.value as Role)}>
          {roles.map((one) => <option key={one} value={one}>{t(`users.${one}`)}</option>)}
        </Select>
      </Field>
      {groups.length > 0 && (
        <fieldset className="flex flex-col gap-2">
          <legend className="mb-1 font-medium">{t("users.groups")}</legend>
          {groups.map(({ id, name }) => (
            <Checkbox key={id} label={name} checked={chosen.includes(id)} onChange={() => setChosen(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id])} />
          ))}
        </fieldset>
      )}
    </Form>
  );
}

function Links({ made, onClose }: { made: Made; onClose: () => void }) {
  return (
    <>
      <ul className="flex flex-col gap-3">
        {made.links.map(({ email, link }) => (
          <li key={email} className="flex items-end gap-2">
            <Field label={t("users.link", { email })} className="min-w-0 flex-1">
              <Input readOnly value={link} onFocus={(e) => e.target.select()} />
            </Field>
            <CopyButton text={link} what={t("users.link", { email })} />
          </li>
        ))}
      </ul>
      {made.refused.length > 0 && (
        <div role="alert" className="rounded-md bg-bad-soft p-3">
          <p className="font-medium">{t("users.inviteFailed", { n: made.refused.length })}</p>
          {made.refused.map(({ email, why }) => <p key={email}>{email}: {why}</p>)}
        </div>
      )}
      <div className="flex justify-end gap-2">
        {made.links.length > 1 && <CopyButton wide text={made.links.map(({ email, link }) => `${email} ${link}`).join("\n")} what={t("users.allLinks")} />}
        <Button look="primary" onClick={onClose}>{t("users.done")}</Button>
      </div>
    </>
  );
}
