import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Button } from "@/components/Button";
import { CopyButton } from "@/components/CopyButton";
import { FormError } from "@/components/Form";
import { Modal } from "@/components/Modal";
import { t } from "@/messages";
import { serverAddress } from "@/root";
import { shareConversation } from "./calls";
import type { Conversation } from "./message";

/** Makes a snapshot of what ends with leaf, or of what the server has last shown, that members of the organisation can read who have its address. */
export function ShareDialog({ conversation, leaf, onClose }: { conversation: Conversation; leaf: string; onClose: () => void }) {
  const queries = useQueryClient();
  const share = useMutation({
    mutationFn: () => shareConversation(conversation.id, leaf),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["shares"] }),
  });
  const address = share.data && `${serverAddress}/shared/${share.data.id}`;
  return (
    <Modal title={t("chat.shareTitle", { title: conversation.title || t("chat.untitled") })} description={t("chat.shareWhat")} open onClose={onClose}>
      <FormError error={share.error} />
      {address ? (
        <>
          <p className="flex items-center gap-2">
            <code className="min-w-0 flex-1 overflow-x-auto rounded-sm border border-line bg-sunken p-2 text-sm" tabIndex={0}>{address}</code>
            <CopyButton text={address} what={t("chat.shareLink")} wide />
          </p>
          <p className="text-sm text-muted">
            {t("chat.shareRevoke")} <Link to="/settings/shares" className="text-accent-text underline">{t("chat.shareList")}</Link>
          </p>
        </>
      ) : (
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button look="primary" busy={share.isPending} onClick={() => share.mutate()}>{t("chat.shareMake")}</Button>
        </div>
      )}
    </Modal>
  );
}
