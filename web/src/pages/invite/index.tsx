import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, ask } from "@/api/client";
import { Field, Form, Input } from "@/components/Form";
import { Outside } from "@/components/Outside";
import { States } from "@/components/States";
import { t } from "@/messages";
import { forgetDrafts, useSessionState } from "@/session";

/** Where an invitation's link leads. The token stands behind the #: no server's log has it. */
export default function Invite() {
  const [token] = useState(() => location.hash.slice(1));
  const query = useQuery({
    queryKey: ["invite"],
    queryFn: () => ask(api.POST("/api/v1/invites/look", { body: { token } })),
    enabled: token !== "",
    retry: false,
    staleTime: Infinity,
    gcTime: 0,
  });
  if (!token) {
    return (
      <Outside title={t("invite.title")}>
        <p role="alert">{t("invite.noToken")}</p>
      </Outside>
    );
  }
  return (
    <Outside title={query.data ? t("invite.join", { organisation: query.data.organisation }) : t("invite.title")}>
      <States query={query}>
        {(invite) => (
          <>
            <p className="text-muted">{t("invite.as", { email: invite.email, role: t(`users.${invite.role as "user"}`) })}</p>
            <Acceptance token={token} email={invite.email} known={invite.known} />
          </>
        )}
      </States>
    </Outside>
  );
}

function Acceptance({ token, email, known }: { token: string; email: string; known: boolean }) {
  const { refresh } = useSessionState();
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const accept = async () => {
    await ask(api.POST("/api/v1/invites/accept", { body: { token, password, ...(known ? {} : { name }) } }));
    forgetDrafts(); // of who was signed in here before
    await refresh();
    await navigate({ to: "/chat", replace: true });
  };
  return (
    <Form submit={t("invite.accept")} onSubmit={accept}>
      {known && <p>{t("invite.known")}</p>}
      <input type="hidden" name="username" autoComplete="username" value={email} readOnly />
      {!known && (
        <Field label={t("invite.name")}>
          <Input name="name" required maxLength={100} autoComplete="name" autoFocus value={name} onChange={(e) => setName(e.target.value)} />
        </Field>
      )}
      <Field label={known ? t("invite.password") : t("invite.newPassword")} help={known ? undefined : t("invite.passwordHelp")}>
        <Input
          type="password"
          name="password"
          required
          minLength={known ? 1 : 12}
          autoComplete={known ? "current-password" : "new-password"}
          autoFocus={known}
          value={password}
          onChange={(e) => setPassword(e.target.value)}
        />
      </Field>
    </Form>
  );
}
