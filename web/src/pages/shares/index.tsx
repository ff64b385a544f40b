import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "@/components/Button";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { CopyButton } from "@/components/CopyButton";
import { Empty, States } from "@/components/States";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { listShares, revokeShare, type Share } from "@/pages/chat/calls";
import { serverAddress } from "@/root";

/** What the person shared, and the way to end it. */
export default function Shares() {
  const query = useQuery({ queryKey: ["shares"], queryFn: listShares });
  const queries = useQueryClient();
  const [revoking, setRevoking] = useState<Share>();
  return (
    <section className="flex flex-col gap-3">
      <h2 className="text-lg font-semibold">{t("shares.title")}</h2>
      <p className="text-muted">{t("shares.what")}</p>
      <States query={query} isEmpty={(shares) => shares.length === 0} empty={<Empty title={t("shares.empty")}>{t("shares.emptyWhat")}</Empty>}>
        {(shares) => (
          <ul aria-label={t("shares.title")} className="flex flex-col divide-y divide-line rounded-md border border-line bg-surface">
            {shares.map((s) => (
              <li key={s.id} className="flex flex-wrap items-center gap-2 px-3 py-2">
                <Link to="/shared/$id" params={{ id: s.id }} className="min-w-0 flex-1 truncate font-medium text-accent-text underline">
                  {s.title || t("chat.untitled")}
                </Link>
                <span className="text-sm text-muted"><Time at={s.created_at} /></span>
                <CopyButton text={`${serverAddress}/shared/${s.id}`} what={t("chat.shareLink")} />
                <Button size="small" look="danger" aria-label={t("shares.revokeNamed", { title: s.title || t("chat.untitled") })} onClick={() => setRevoking(s)}>
                  {t("shares.revoke")}
                </Button>
              </li>
            ))}
          </ul>
        )}
      </States>
      <ConfirmDialog
        title={t("shares.revokeTitle")}
        description={t("shares.revokeWhat", { title: revoking?.title || t("chat.untitled") })}
        act={t("shares.revoke")}
        open={revoking !== undefined}
        onClose={() => setRevoking(undefined)}
        onConfirm={async () => {
          await revokeShare(revoking!.id);
          await queries.invalidateQueries({ queryKey: ["shares"] });
        }}
      />
    </section>
  );
}
