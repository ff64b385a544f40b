import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useState } from "react";
import { api, ApiError, ask, call } from "@/api/client";
import { queryText } from "@/api/query";
import { useAddress } from "@/components/address";
import { Button } from "@/components/Button";
import { Chip } from "@/components/Chip";
import { type Column, DataTable } from "@/components/DataTable";
import { Menu } from "@/components/Menu";
import { Page } from "@/components/Page";
import { save } from "@/components/save";
import { Empty, EmptyFiltered, Failed, Loading, NoRight } from "@/components/States";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { Filters, filterText } from "./Filters";
import { Histogram, type HistogramData } from "./Histogram";
import { useLive, type Verification } from "./live";
import { actorText, endText, type Filter, filterNames, filterOf, type Names, type Row, toneOf } from "./records";
import { RecordDrawer } from "./RecordDrawer";
import { Searches } from "./Searches";
import { type Records, useWindow } from "./useWindow";
import { Verify } from "./Verify";

/** How many bars there is room for. */
const barsOf = () => (window.innerWidth < 900 ? 10 : 36);

export default function Audit() {
  const [search, setSearch] = useAddress();
  const filter = filterOf(search);
  const histogram = useQuery({
    queryKey: ["audit", "histogram", filter],
    queryFn: () => call<HistogramData>("GET", `/api/v1/audit/records/histogram${queryText({ ...filter, bars: barsOf() })}`),
    staleTime: 60_000,
  });
  const records = useWindow(filter, histogram.data && !histogram.data.estimated ? histogram.data.total : undefined);
  const live = useLive(filter, records.window.top);
  const queries = useQueryClient();
  const restart = () => {
    records.restart();
    void queries.invalidateQueries({ queryKey: ["audit", "histogram"] });
  };
  const refused = records.error instanceof ApiError && records.error.status === 403 ? records.error : undefined;
  return (
    <Page
      title={t("audit.title")}
      count={histogram.data && `${histogram.data.estimated ? "≈ " : ""}${histogram.data.total.toLocaleString()}`}
      fixed
      actions={!refused && <Acts filter={filter} live={live.verification} />}
      bar={!refused && (
        <>
          <Filters filter={filter} names={records.window.names} set={setSearch} />
          <Searches filter={filter} set={setSearch} />
          {live.count > 0 && (
            <Button size="small" look="primary" className="ms-auto" onClick={restart}>
              {live.count >= 100 ? t("audit.manyNew") : t("common.newRows", { n: live.count })}
            </Button>
          )}
        </>
      )}
    >
      {refused ? <NoRight reason={refused.message} /> : (
        <>
          {histogram.data && histogram.data.total > 0 && <Histogram data={histogram.data} onChoose={(since, until) => setSearch({ since, until })} />}
          <Body records={records} filter={filter} set={setSearch} openId={search.record} open={(row) => setSearch({ record: String(row.seq) }, "push")} />
        </>
      )}
      <RecordDrawer id={search.record ?? ""} show={(id) => setSearch({ record: id }, id && !search.record ? "push" : "replace")} />
    </Page>
  );
}

/** How often a verification is looked at that no stream tells of. */
const lookAgain = 2_000;

/** The one that was begun last; of several states of it the first. */
function newestOf(...all: (Verification | undefined)[]): Verification | undefined {
  return all.filter((v) => v !== undefined).reduce<Verification | undefined>((a, b) => (a === undefined || b.id > a.id ? b : a), undefined);
}

/** Verify and export. */
function Acts({ filter, live }: { filter: Filter; live: Verification | undefined }) {
  const [begun, setBegun] = useState<Verification>();
  const list = useQuery({
    queryKey: ["audit", "verifications"],
    queryFn: () => ask(api.GET("/api/v1/audit/verifications")),
    staleTime: Infinity,
    // Of one that no stream tells of, as when nothing matches: only a list with records has a stream.
    refetchInterval: (q) => {
      const newest = newestOf(live, q.state.data?.[0], begun);
      return newest && newest.id !== live?.id && newest.state !== "done" ? lookAgain : false;
    },
  });
  // What the stream told last, unless another was begun since.
  const told = newestOf(live, list.data?.[0], begun);
  const as = (format: string) => ({
    label: t(format === "csv" ? "audit.csv" : "audit.jsonl"),
    onSelect: () => void save(`/api/v1/audit/records/export${queryText({ ...filter, format })}`),
  });
  return (
    <>
      <Verify last={told} onStart={setBegun} />
      <Menu items={[as("csv"), as("jsonl")]} trigger={<Button><Download aria-hidden className="size-4" />{t("audit.export")}</Button>} />
    </>
  );
}

interface BodyProps {
  records: Records;
  filter: Filter;
  set: (changed: Record<string, string | undefined>) => void;
  openId: string | undefined;
  open: (row: Row) => void;
}

function Body({ records, filter, set, openId, open }: BodyProps) {
  const w = records.window;
  if (records.error && w.rows.length === 0) return <Failed error={records.error} retry={records.restart} />;
  if (records.pending) return <Loading />;
  const active = filterNames.filter((name) => filter[name]);
  if (w.rows.length === 0 && !w.searched) {
    if (active.length === 0) return <Empty title={t("audit.empty")}>{t("audit.emptyWhat")}</Empty>;
    return (
      <EmptyFiltered
        filters={active.map((name) => ({ label: filterText(name, filter[name] ?? "", w.names), remove: () => set({ [name]: undefined }) }))}
        clear={() => set(Object.fromEntries(filterNames.map((name) => [name, undefined])))}
      />
    );
  }
  return (
    <>
      {records.error ? <Failed error={records.error} retry={records.restart} /> : null}
      {w.searched > 0 && (
        <p role="status" className="flex items-center gap-2 border-b border-line bg-warn-soft px-4 py-1.5 text-sm text-warn">
          {t("audit.searched", { seq: String(w.searched) })}
          <Button size="small" onClick={records.searchOn} busy={records.loading}>{t("audit.searchOn")}</Button>
        </p>
      )}
      <DataTable
        key={records.list}
        name="audit"
        label={t("audit.title")}
        columns={columnsOf(w.names)}
        rows={w.rows}
        offset={w.offset}
        total={w.total}
        onRange={records.onRange}
        rowId={(row) => String(row.seq)}
        onOpen={open}
        openId={openId}
      />
    </>
  );
}

function columnsOf(names: Names): Column<Row>[] {
  return [
    { id: "seq", header: t("audit.seq"), width: "90px", align: "end", cell: (r) => <span className="tabular">{r.seq}</span> },
    { id: "time", header: t("audit.time"), width: "150px", cell: (r) => <Time at={r.record.time} /> },
    { id: "who", header: t("audit.who"), width: "minmax(120px, 1fr)", cell: (r) => actorText(r.record, names) },
    { id: "action", header: t("audit.what"), width: "minmax(160px, 1.4fr)", cell: (r) => r.record.action },
    { id: "end", header: t("audit.how"), width: "minmax(120px, 1fr)", cell: (r) => <Chip tone={toneOf(r.record)}>{endText(r.record)}</Chip> },
    { id: "model", header: t("audit.filter_model"), width: "minmax(100px, 1fr)", cell: (r) => r.record.model_used ?? r.record.model_requested ?? "" },
    { id: "resource", header: t("audit.filter_resource"), width: "minmax(120px, 1fr)", cell: (r) => (r.record.resource ? (names[r.record.resource]?.name ?? r.record.resource) : "") },
    { id: "status", header: t("audit.status"), width: "70px", align: "end", cell: (r) => r.record.status ?? "" },
    { id: "phase", header: t("audit.filter_phase"), width: "90px", hidden: true, cell: (r) => r.record.phase },
    { id: "key", header: t("audit.filter_key"), hidden: true, cell: (r) => (r.record.actor.key_id ? (names[`key/${r.record.actor.key_id}`]?.name ?? r.record.actor.key_prefix) : "") },
    { id: "route", header: t("audit.filter_route"), hidden: true, cell: (r) => r.record.route ?? "" },
    { id: "request", header: t("audit.filter_request"), hidden: true, cell: (r) => r.record.request_id ?? "" },
  ];
}
