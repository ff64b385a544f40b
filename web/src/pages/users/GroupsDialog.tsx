import { useState } from "react";
import { api, ask } from "@/api/client";
import { Checkbox, Form } from "@/components/Form";
import { Modal } from "@/components/Modal";
import { t } from "@/messages";
import type { User } from "./users";

interface GroupsDialogProps {
  user: User;
  groups: { id: string; name: string }[];
  onClose: () => void;
  onDone: () => Promise<unknown>;
}

/** Which groups a member is in. Each that changed is one call: the server has no other. */
export function GroupsDialog({ user, groups, onClose, onDone }: GroupsDialogProps) {
  const before = new Set((user.groups ?? []).map((g) => g.id));
  const [chosen, setChosen] = useState<ReadonlySet<string>>(before);
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const save = async () => {
    try {
      for (const { id } of groups) {
        if (chosen.has(id) && !before.has(id)) {
          await ask(api.POST("/api/v1/groups/{id}/members", { params: { path: { id } }, body: { members: [user.id] } }));
        } else if (!chosen.has(id) && before.has(id)) {
          await ask(api.DELETE("/api/v1/groups/{id}/members/{user}", { params: { path: { id, user: user.id } } }));
        }
      }
    } finally {
      await onDone();
    }
    onClose();
  };
  return (
    <Modal title={t("users.changeGroupsTitle", { email: user.email })} open onClose={onClose}>
      <Form submit={t("common.save")} onCancel={onClose} onSubmit={save}>
        {groups.length === 0 && <p className="text-muted">{t("users.noGroups")}</p>}
        {groups.map((g) => <Checkbox key={g.id} label={g.name} checked={chosen.has(g.id)} onChange={() => toggle(g.id)} />)}
      </Form>
    </Modal>
  );
}
