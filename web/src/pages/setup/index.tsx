import { useQueryClient } from "@tanstack/react-query";
import { Link, useLocation, useNavigate } from "@tanstack/react-router";
import { call } from "@/api/client";
import { Field, Form, Input } from "@/components/Form";
import { Outside } from "@/components/Outside";
import { Loading, States } from "@/components/States";
import { t } from "@/messages";
import { useSessionState } from "@/session";
import { useSetup } from "./useSetup";

/** The first person of an empty server: who has the token that it printed. */
export default function Setup() {
  const setup = useSetup();
  return (
    <Outside title={t("setup.title")}>
      <States query={setup} skeleton={<Loading />}>
        {({ needed }) => (needed ? <SetupForm /> : <Done />)}
      </States>
    </Outside>
  );
}

function Done() {
  return (
    <p>
      {t("setup.done")}{" "}
      <Link to="/sign-in" className="text-accent-text underline">
        {t("setup.toSignIn")}
      </Link>
    </p>
  );
}

function SetupForm() {
  const { refresh } = useSessionState();
  const queries = useQueryClient();
  const navigate = useNavigate();
  // The link that the server printed has it behind the "#", which no browser sends.
  const token = useLocation({ select: ({ hash }) => hash });
  const send = async (form: HTMLFormElement) => {
    await call("POST", "/api/v1/setup", Object.fromEntries(new FormData(form)));
    queries.setQueryData(["setup"], { needed: false });
    await refresh();
    await navigate({ to: "/chat", replace: true });
  };
  return (
    <>
      <p className="text-muted">{t("setup.intro")}</p>
      <Form submit={t("setup.submit")} onSubmit={send}>
        <Field label={t("setup.token")} help={t("setup.tokenHelp")}>
          <Input key={token} name="token" required autoComplete="off" defaultValue={token} autoFocus={!token} />
        </Field>
        <Field label={t("setup.organisation")}>
          <Input name="organisation" required maxLength={100} autoComplete="organization" autoFocus={!!token} />
        </Field>
        <Field label={t("setup.name")}>
          <Input name="name" required maxLength={100} autoComplete="name" />
        </Field>
        <Field label={t("setup.email")}>
          <Input name="email" type="email" required autoComplete="username" />
        </Field>
        <Field label={t("setup.password")} help={t("setup.passwordHelp")}>
          <Input name="password" type="password" required autoComplete="new-password" />
        </Field>
      </Form>
    </>
  );
}
