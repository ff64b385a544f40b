import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Copy, Download, Share2, Trash2 } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import type { MenuItem } from "@/components/Menu";
import { save } from "@/components/save";
import { tellFailure } from "@/components/tell";
import { t } from "@/messages";
import { useSession } from "@/session";
import { type Agent, agentFile, deleteAgent, duplicateAgent, shareAgent } from "./calls";

/** What can be done with an agent, for a menu, and the dialogs that it asks in. */
export function useAgentActions(onDeleted?: () => void) {
  const { can } = useSession();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [sharing, setSharing] = useState<Agent | null>(null);
  const [deleting, setDeleting] = useState<Agent | null>(null);
  const changed = () => queries.invalidateQueries({ predicate: (q) => q.queryKey[0] === "agents" || q.queryKey[0] === "agent" });

  const duplicate = async (agent: Agent) => {
    try {
      const made = await duplicateAgent(agent.id);
      await changed();
      toast.success(t("agents.duplicated", { name: agent.name }));
      await navigate({ to: "/agents/$id", params: { id: made.agent_id } });
    } catch (error) {
      void tellFailure(error);
    }
  };
  const items = (agent: Agent): MenuItem[] => [
    ...(agent.rights.includes("share") ? [{ label: agent.shared ? t("agents.unshare") : t("agents.share"), icon: <Share2 />, onSelect: () => setSharing(agent) }] : []),
    ...(can("agents.create") ? [{ label: t("agents.duplicate"), icon: <Copy />, onSelect: () => void duplicate(agent) }] : []),
    ...(can("agents.export") ? [{ label: t("agents.download"), icon: <Download />, onSelect: () => void save(agentFile(agent.id)) }] : []),
    ...(agent.rights.includes("delete") ? [{ label: t("agents.delete"), icon: <Trash2 />, danger: true, onSelect: () => setDeleting(agent) }] : []),
  ];
  const dialogs = (
    <>
      <ConfirmDialog
        title={sharing?.shared ? t("agents.unshareTitle", { name: sharing.name }) : t("agents.shareTitle", { name: sharing?.name ?? "" })}
        description={sharing?.shared ? t("agents.unshareWhy") : t("agents.shareWhy")} act={sharing?.shared ? t("agents.unshare") : t("agents.share")} danger={!!sharing?.shared}
        open={!!sharing} onClose={() => setSharing(null)}
        onConfirm={async () => {
          if (sharing) await shareAgent(sharing.id, !sharing.shared);
          await changed();
        }}
      />
      <ConfirmDialog
        title={t("agents.deleteTitle", { name: deleting?.name ?? "" })} description={t("agents.deleteWhy")} act={t("agents.delete")} typed={deleting?.name ?? ""}
        open={!!deleting} onClose={() => setDeleting(null)}
        onConfirm={async () => {
          if (deleting) await deleteAgent(deleting.id);
          await changed();
          onDeleted?.();
        }}
      />
    </>
  );
  return { items, dialogs };
}
