import { Button } from "@/components/Button";
import { Modal } from "@/components/Modal";
import { tellFailure } from "@/components/tell";
import { t } from "@/messages";
import { SignInForm } from "@/pages/signin/SignInForm";
import { useSession, useSessionState } from "@/session";

/** Sign-in over the page: behind it the page and what was typed stay. */
export default function SessionEnded() {
  const { user } = useSession();
  const { signOut } = useSessionState();
  return (
    <Modal title={t("signin.endedTitle")} description={t("signin.endedWhy")} open onClose={() => {}} firm>
      <SignInForm email={user.email} />
      <Button look="quiet" onClick={() => void signOut().catch(tellFailure)}>
        {t("signin.other")}
      </Button>
    </Modal>
  );
}
