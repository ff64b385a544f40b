import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useAddress } from "@/components/address";
import { Button } from "@/components/Button";
import { Chip } from "@/components/Chip";
import { DataTable, type Column } from "@/components/DataTable";
import { Select } from "@/components/Form";
import { Page } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { Empty, EmptyFiltered, States } from "@/components/States";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { StateChip } from "@/pages/runs/RunState";
import { useSession } from "@/session";
import { type Agent, listAgents } from "./calls";
import { ImportDialog } from "./ImportDialog";
import { useAgentActions } from "./useActions";

const filterNames = ["q", "whose", "model"] as const;

export default function Agents() {
  const [address, set] = useAddress();
  const { can, user } = useSession();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { items, dialogs } = useAgentActions();
  const [importing, setImporting] = useState(false);
  const choice = {
    q: address["q"],
    model: address["model"],
    owner: address["whose"] === "mine" ? user.id : undefined,
    shared: address["whose"] === "shared",
  };
  const query = useInfiniteQuery({
    queryKey: ["agents", "list", choice],
    initialPageParam: "",
    queryFn: ({ pageParam }) => listAgents({ ...choice, limit: 100, cursor: pageParam }),
    getNextPageParam: (page) => page.next,
  });
  const filters = filterNames.filter((name) => address[name]).map((name) => ({
    label: `${t(`agents.filter_${name}`)}: ${name === "whose" ? t(address[name] === "mine" ? "agents.mine" : "agents.shared") : (address[name] ?? "")}`,
    remove: () => set({ [name]: undefined }),
  }));
  const importButton = can("agents.create") && <Button look="primary" data-shortcut="new" onClick={() => setImporting(true)}>{t("agents.import")}</Button>;
  return (
    <Page title={t("agents.title")} fixed actions={importButton} bar={<Filters address={address} set={set} />}>
      <States
        query={query} isEmpty={(data) => data.pages.every((p) => p.agents.length === 0)}
        empty={filters.length > 0 ? <EmptyFiltered filters={filters} clear={() => set({ q: undefined, whose: undefined, model: undefined })} /> : (
          <Empty title={t("agents.emptyTitle")} action={importButton}>{t(can("agents.create") ? "agents.empty" : "agents.emptyReader")}</Empty>
        )}
      >
        {(data) => (
          <DataTable
            name="agents" label={t("agents.title")} columns={columns} rows={data.pages.flatMap((p) => p.agents)} rowId={(a) => a.id} actions={items}
            onOpen={(a) => void navigate({ to: "/agents/$id", params: { id: a.id } })}
            onMore={query.hasNextPage ? () => void query.fetchNextPage() : undefined} loadingMore={query.isFetchingNextPage}
          />
        )}
      </States>
      {dialogs}
      <ImportDialog
        open={importing} onClose={() => setImporting(false)}
        onImported={(id) => {
          setImporting(false);
          void queries.invalidateQueries({ queryKey: ["agents"] });
          void navigate({ to: "/agents/$id", params: { id } });
        }}
      />
    </Page>
  );
}

const columns: Column<Agent>[] = [
  { id: "name", header: t("agents.name"), width: "2fr", cell: (a) => <Link to="/agents/$id" params={{ id: a.id }} className="font-medium hover:underline">{a.name}</Link> },
  { id: "description", header: t("agents.description"), width: "3fr", cell: (a) => a.description },
  { id: "owner", header: t("agents.owner"), width: "1fr", cell: (a) => a.owner.name || a.owner.id },
  { id: "shared", header: t("agents.filter_whose"), width: "100px", cell: (a) => (a.shared ? <Chip tone="accent">{t("agents.shared")}</Chip> : t("agents.private")) },
  { id: "model", header: t("agents.filter_model"), width: "1.5fr", cell: (a) => a.models.join(", ") },
  { id: "last", header: t("agents.lastRun"), width: "120px", cell: (a) => (a.last_run ? <Time at={a.last_run.created_at} /> : t("common.never")) },
  { id: "result", header: t("agents.result"), width: "130px", cell: (a) => a.last_run && <Link to="/runs/$id" params={{ id: a.last_run.id }}><StateChip state={a.last_run.state} /></Link> },
];

function Filters({ address, set }: { address: Record<string, string>; set: ReturnType<typeof useAddress>[1] }) {
  const field = (name: "q" | "model") => ({
    className: "w-52", label: t(`agents.filter_${name}`), value: address[name] ?? "", onChange: (text: string) => set({ [name]: text }),
  });
  return (
    <>
      <SearchField {...field("q")} />
      <Select className="w-36" aria-label={t("agents.filter_whose")} value={address["whose"] ?? ""} onChange={(e) => set({ whose: e.target.value })}>
        <option value="">{t("agents.all")}</option>
        <option value="mine">{t("agents.mine")}</option>
        <option value="shared">{t("agents.shared")}</option>
      </Select>
      <SearchField second {...field("model")} />
    </>
  );
}
