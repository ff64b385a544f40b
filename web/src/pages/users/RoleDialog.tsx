import { useState } from "react";
import { api, ask } from "@/api/client";
import { Field, Form, Select } from "@/components/Form";
import { Modal } from "@/components/Modal";
import { t } from "@/messages";
import { type Role, roles, type User } from "./users";

interface RoleDialogProps {
  user: User;
  onClose: () => void;
  onDone: () => Promise<unknown>;
}

export function RoleDialog({ user, onClose, onDone }: RoleDialogProps) {
  const [role, setRole] = useState<Role>(user.role);
  return (
    <Modal title={t("users.changeRoleTitle", { email: user.email })} open onClose={onClose}>
      <Form
        submit={t("common.save")}
        onCancel={onClose}
        onSubmit={async () => {
          await ask(api.PATCH("/api/v1/users/{id}", { params: { path: { id: user.id } }, body: { role } }));
          await onDone();
          onClose();
        }}
      >
        <Field label={t("users.role")}>
          <Select value={role} onChange={(e) => setRole(e.target.value as Role)}>
            {roles.map((one) => <option key={one} value={one}>{t(`users.${one}`)}</option>)}
          </Select>
        </Field>
      </Form>
    </Modal>
  );
}
