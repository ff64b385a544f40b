import { Navigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { useAddress, useGo } from "@/components/address";
import { Outside } from "@/components/Outside";
import { t } from "@/messages";
import { useSetup } from "@/pages/setup/useSetup";
import { useSessionState } from "@/session";
import { placeAfter } from "./placeAfter";
import { SignInForm } from "./SignInForm";

/** Sign-in, which leads to the page that was asked for; on an empty server the set-up. */
export default function SignIn() {
  const { session } = useSessionState();
  const [{ to }] = useAddress();
  const go = useGo();
  const setup = useSetup();
  useEffect(() => {
    if (session) void go(placeAfter(to), "replace");
  }, [session, to, go]);
  if (session) return null;
  if (setup.data?.needed) return <Navigate to="/setup" replace />;
  return (
    <Outside title={t("signin.title")}>
      <SignInForm />
      <p className="text-sm text-muted">{t("signin.forgot")}</p>
    </Outside>
  );
}
