import { t } from "@/messages";
import { Button } from "./Button";
import { Modal } from "./Modal";

/** Asks whether to leave what is not saved. To stay is the answer that is at hand. */
export function LeaveDialog({ answer }: { answer: (sure: boolean) => void }) {
  return (
    <Modal title={t("common.leaveTitle")} description={t("common.leaveWhy")} open onClose={() => answer(false)}>
      <div className="flex flex-wrap justify-end gap-2">
        <Button autoFocus onClick={() => answer(false)}>{t("common.stay")}</Button>
        <Button look="danger" onClick={() => answer(true)}>{t("common.leave")}</Button>
      </div>
    </Modal>
  );
}
