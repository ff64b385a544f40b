import { useState } from "react";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { type Column, DataTable } from "@/components/DataTable";
import { Empty, States } from "@/components/States";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { useSession } from "@/session";
import { restore, useChange, useVersions, type Version } from "./data";

const columns: Column<Version>[] = [
  { id: "number", header: t("dlp.version"), width: "90px", align: "end", cell: (v) => v.number },
  { id: "mode", header: t("dlp.mode"), cell: (v) => v.policy?.mode ?? t("dlp.removed") },
  { id: "note", header: t("dlp.note"), width: "minmax(160px, 2fr)", cell: (v) => v.note ?? "" },
  { id: "by", header: t("dlp.by"), cell: (v) => v.by || t("dlp.commandLine") },
  { id: "at", header: t("dlp.at"), cell: (v) => <Time at={v.at} /> },
];

export function History({ model }: { model: string }) {
  const query = useVersions(model);
  const { can } = useSession();
  const again = useChange(restore);
  const [asked, setAsked] = useState<Version>();
  return (
    <States query={query} isEmpty={(d) => (d.pages[0]?.versions ?? []).length === 0} empty={<Empty title={t("dlp.noHistory")}>{t("dlp.noHistoryHelp")}</Empty>}>
      {(data) => (
        <>
          <DataTable
            name="dlp-versions" label={t("dlp.tabHistory")} columns={columns} rows={data.pages.flatMap((p) => p.versions ?? [])} rowId={(v) => String(v.number)}
            onMore={query.hasNextPage ? () => void query.fetchNextPage() : undefined} loadingMore={query.isFetchingNextPage}
            actions={(v) => [{ label: t("dlp.restore"), disabled: !v.policy || !can("dlp.restore"), onSelect: () => setAsked(v) }]}
          />
          <ConfirmDialog
            title={t("dlp.restoreAsk", { number: asked?.number ?? 0 })} description={t("dlp.restoreWhy")} act={t("dlp.restore")} danger={false}
            open={!!asked} onClose={() => setAsked(undefined)} onConfirm={async () => asked && again.mutateAsync({ model, number: asked.number })}
          />
        </>
      )}
    </States>
  );
}
