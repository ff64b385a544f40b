import { useState } from "react";
import { ApiError } from "@/api/client";
import { Field, Form, Input } from "@/components/Form";
import { t } from "@/messages";
import { useSessionState } from "@/session";

/**
 * E-mail and password. The server says no more than that they do not belong
 * together. Whoever shows the form notices by the session that it succeeded.
 */
export function SignInForm({ email: known = "" }: { email?: string }) {
  const { signIn } = useSessionState();
  const [email, setEmail] = useState(known);
  const [password, setPassword] = useState("");
  return (
    <Form asks={false} submit={t("signin.submit")} onSubmit={() => signIn(email, password).catch(plainly)}>
      <Field label={t("signin.email")}>
        <Input type="email" name="email" required autoComplete="username" autoFocus={!known} readOnly={!!known} value={email} onChange={(e) => setEmail(e.target.value)} />
      </Field>
      <Field label={t("signin.password")}>
        <Input type="password" name="password" required autoComplete="current-password" autoFocus={!!known} value={password} onChange={(e) => setPassword(e.target.value)} />
      </Field>
    </Form>
  );
}

/** A password that was mistyped is nothing to report: the request's id is left out. */
function plainly(failure: unknown): never {
  if (failure instanceof ApiError && failure.status === 401) throw new Error(failure.message);
  throw failure;
}
