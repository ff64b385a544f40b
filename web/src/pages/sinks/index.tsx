import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { api, ask } from "@/api/client";
import type { components } from "@/api/schema";
import { useAddress } from "@/components/address";
import { Count } from "@/components/Amount";
import { Button } from "@/components/Button";
import { Chip } from "@/components/Chip";
import { type Column, DataTable } from "@/components/DataTable";
import { Drawer } from "@/components/Drawer";
import { Page } from "@/components/Page";
import { Empty, Failed, States } from "@/components/States";
import { Time } from "@/components/Time";
import { t } from "@/messages";

type Sink = components["schemas"]["SinkView"];

const key = ["sinks"];

/** Where the trail is delivered to. The operator's file defines it. */
export default function Sinks() {
  const query = useQuery({ queryKey: key, queryFn: () => ask(api.GET("/api/v1/audit/sinks")) });
  const [search, setSearch] = useAddress();
  const open = query.data?.find((sink) => sink.name === search.sink);
  return (
    <Page title={t("sinks.title")} count={query.data?.length} fixed>
      <States query={query} isEmpty={(sinks) => (sinks ?? []).length === 0} empty={<Empty title={t("sinks.empty")}>{t("sinks.emptyWhat")}</Empty>}>
        {(sinks) => (
          <>
            <p className="border-b border-line px-4 py-2 text-sm text-muted">{t("common.managedByFile")}</p>
            <DataTable name="sinks" label={t("sinks.title")} columns={columns} rows={sinks ?? []} rowId={(sink) => sink.name} openId={search.sink} onOpen={(sink) => setSearch({ sink: sink.name }, "push")} />
          </>
        )}
      </States>
      <Drawer title={search.sink ?? ""} open={open !== undefined} onClose={() => setSearch({ sink: undefined })}>
        {open && <SinkPage sink={open} />}
      </Drawer>
    </Page>
  );
}

function State({ sink }: { sink: Sink }) {
  if (sink.failures > 0) return <Chip tone="bad">{t("sinks.failing", { n: sink.failures })}</Chip>;
  if (sink.behind_seconds > 60) return <Chip tone="warn">{t("sinks.behind")}</Chip>;
  return <Chip tone="ok">{t("sinks.delivering")}</Chip>;
}

const columns: Column<Sink>[] = [
  { id: "name", header: t("sinks.name"), cell: (s) => s.name },
  { id: "type", header: t("sinks.type"), width: "140px", cell: (s) => `${s.type}, ${s.format}` },
  { id: "state", header: t("sinks.state"), width: "180px", cell: (s) => <State sink={s} /> },
  { id: "waiting", header: t("sinks.waiting"), width: "120px", align: "end", cell: (s) => <Count n={s.waiting} /> },
  { id: "delivered", header: t("sinks.delivered"), width: "160px", cell: (s) => <Time at={s.delivered_at} /> },
  { id: "dead", header: t("sinks.dead"), width: "120px", align: "end", cell: (s) => <Count n={s.dead_letters} /> },
];

function SinkPage({ sink }: { sink: Sink }) {
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [told, setTold] = useState<components["schemas"]["SinkTestView"]>();
  const [error, setError] = useState<unknown>(null);
  const test = async () => {
    setBusy(true);
    setError(null);
    try {
      setTold(await ask(api.POST("/api/v1/audit/sinks/{name}/test", { params: { path: { name: sink.name } } })));
      await queries.invalidateQueries({ queryKey: key });
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  const facts: [string, ReactNode][] = [
    [t("sinks.state"), <State key="s" sink={sink} />],
    [t("sinks.scope"), t(sink.scope === "organisation" ? "sinks.own" : "sinks.all")],
    [t("sinks.cursor"), t("sinks.of", { n: sink.cursor, of: sink.head })],
    [t("sinks.waiting"), <Count key="w" n={sink.waiting} />],
    [t("sinks.late"), t("sinks.seconds", { n: sink.behind_seconds })],
    [t("sinks.delivered"), <Time key="d" at={sink.delivered_at} />],
    [t("sinks.dead"), <Count key="l" n={sink.dead_letters} />],
    [t("sinks.error"), sink.error || t("common.none")],
    [t("sinks.next"), sink.next_attempt_at ? <Time key="n" at={sink.next_attempt_at} /> : t("common.none")],
  ];
  return (
    <div className="flex flex-col gap-4">
      <p className="text-sm text-muted">{t("common.managedByFile")}</p>
      <dl className="grid grid-cols-[minmax(120px,auto)_1fr] gap-x-4 gap-y-1.5 text-sm">
        {facts.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-muted">{name}</dt>
            <dd className="min-w-0 break-words">{value}</dd>
          </div>
        ))}
      </dl>
      <div className="flex flex-col items-start gap-2">
        <Button onClick={test} busy={busy}>{t("sinks.test")}</Button>
        <p className="text-sm text-muted">{t("sinks.testWhat")}</p>
        {told && (
          <p role="status">
            {told.delivered ? <Chip tone="ok">{t("sinks.tested", { seq: String(told.seq), ms: told.ms })}</Chip> : <Chip tone="bad" className="whitespace-normal">{told.error}</Chip>}
          </p>
        )}
        {error ? <Failed error={error} title={t("sinks.testFailed")} /> : null}
      </div>
    </div>
  );
}
