import { useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import type { ReactNode } from "react";
import { api, ask } from "@/api/client";
import type { components } from "@/api/schema";
import { Count } from "@/components/Amount";
import { Chip } from "@/components/Chip";
import { type Column, DataTable } from "@/components/DataTable";
import { Page } from "@/components/Page";
import { SaveButton } from "@/components/SaveButton";
import { States } from "@/components/States";
import { Time } from "@/components/Time";
import { locale, t } from "@/messages";

type SystemView = components["schemas"]["SystemView"];
type Part = components["schemas"]["PartView"];

/** How the installation does. */
export default function System() {
  const query = useQuery({ queryKey: ["system"], queryFn: () => ask(api.GET("/api/v1/system")) });
  return (
    <Page
      title={t("system.title")}
      actions={query.data && (
        <SaveButton path="/api/v1/system/diagnostics">
          <Download aria-hidden className="size-4" />
          {t("system.diagnostics")}
        </SaveButton>
      )}
    >
      <States query={query}>{(s) => <Facts s={s} />}</States>
    </Page>
  );
}

const size = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });

/** "1.5 GiB". */
export function bytesText(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) [n, unit] = [n / 1024, unit + 1];
  return `${size.format(n)} ${units[unit]}`;
}

function Facts({ s }: { s: SystemView }) {
  const f = s.followers;
  const behind = (n: number) => (n > 0 ? t("system.behind", { n }) : t("system.upToDate"));
  return (
    <div className="grid grid-cols-2 gap-4 p-4 max-lg:grid-cols-1">
      <Panel title={t("system.program")} facts={[
        [t("system.version"), <code key="v">{s.version}</code>],
        [t("system.platform"), `${s.go}, ${s.platform}`],
        [t("system.started"), <Time key="s" at={s.started_at} />],
        [t("system.memory"), bytesText(s.process.heap_bytes)],
        [t("system.goroutines"), <Count key="g" n={s.process.goroutines} />],
        [t("system.limits"), t(s.limits.backend === "redis" ? "system.redis" : "system.inMemory")],
      ]} />
      <Panel title={t("system.storage")} facts={[
        [t("system.database"), `${s.storage.database === "postgres" ? "PostgreSQL" : "SQLite"}, ${s.storage.durability}`],
        [t("system.size"), bytesText(s.storage.bytes)],
        ...(s.storage.runs_bytes ? [[t("system.runs"), bytesText(s.storage.runs_bytes)] as [string, ReactNode]] : []),
        [t("system.migration"), String(s.storage.migration)],
        [t("system.free"), s.storage.disk_bytes ? t("system.freeOf", { free: bytesText(s.storage.free_bytes ?? 0), of: bytesText(s.storage.disk_bytes) }) : t("system.unknown")],
      ]} />
      <Panel title={t("system.journal")} facts={[
        [t("system.trail"), s.journal.writable ? <Chip key="w" tone="ok">{t("system.writable")}</Chip> : <Chip key="w" tone="bad">{t("system.notWritable")}</Chip>],
        [t("system.waiting"), <Count key="q" n={s.journal.waiting} />],
        [t("system.kept"), <Count key="k" n={s.journal.kept} />],
      ]} />
      <Panel title={t("system.followers")} facts={[
        [t("system.head"), <Count key="h" n={f.head} />],
        [t("system.checkpoint"), <span key="c">{behind(f.head - f.signed)} · <Time at={f.signed_at} /></span>],
        [t("system.index"), behind(Math.max(0, f.head - f.indexed - 255))],
        [t("system.retention"), f.removed > 0 ? t("system.removed", { seq: String(f.removed) }) : t("system.removedNone")],
        [t("system.usage"), behind(f.ledger - f.rolled_up)],
        [t("system.sinks"), f.sinks === 0 ? t("common.none") : f.sinks_behind_seconds > 0 ? t("system.sinksLate", { n: f.sinks_behind_seconds }) : t("system.upToDate")],
      ]} />
      <section aria-labelledby="nodes" className="rounded-md border border-line bg-surface p-4 lg:col-span-2">
        <h2 id="nodes" className="pb-2 font-semibold">{t("system.nodes")}</h2>
        <ul className="flex flex-col gap-1 text-sm">
          {(s.nodes ?? []).map((n) => (
            <li key={n.boot_id} className="flex flex-wrap items-center gap-2">
              <code className="break-all">{n.node}</code>
              {n.this && <Chip tone="accent">{t("system.thisNode")}</Chip>}
              <span className="text-muted">{t("system.lease")} <Time at={n.expires_at} /></span>
            </li>
          ))}
        </ul>
      </section>
      <section aria-labelledby="parts" className="flex h-80 flex-col rounded-md border border-line bg-surface lg:col-span-2">
        <h2 id="parts" className="p-4 pb-2 font-semibold">{t("system.parts")}</h2>
        <DataTable name="parts" label={t("system.parts")} columns={partColumns} rows={s.parts ?? []} rowId={(p) => p.module} />
      </section>
    </div>
  );
}

const partColumns: Column<Part>[] = [
  { id: "module", header: t("system.module"), width: "2fr", cell: (p) => p.module },
  { id: "version", header: t("system.version"), cell: (p) => p.version },
  { id: "licence", header: t("system.licence"), cell: (p) => p.licence },
];

function Panel({ title, facts }: { title: string; facts: [string, ReactNode][] }) {
  return (
    <section aria-label={title} className="rounded-md border border-line bg-surface p-4">
      <h2 className="pb-2 font-semibold">{title}</h2>
      <dl className="grid grid-cols-[minmax(140px,auto)_1fr] gap-x-4 gap-y-1.5 text-sm">
        {facts.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-muted">{name}</dt>
            <dd className="min-w-0 break-words">{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
