import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ChevronDown, ChevronUp, Download } from "lucide-react";
import type { ReactNode } from "react";
import { api, ask } from "@/api/client";
import type { components } from "@/api/schema";
import { Button, IconButton } from "@/components/Button";
import { Chip } from "@/components/Chip";
import { CopyButton } from "@/components/CopyButton";
import { Drawer } from "@/components/Drawer";
import { saveText } from "@/components/save";
import { States } from "@/components/States";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { canCheck, checkProof, unbase64 } from "./proof";
import { actorText, type AuditRecord, endText, modelText, type Names, toneOf } from "./records";

type One = components["schemas"]["OneRecord"];

/** One record as a readable page; its number is in the address. */
export function RecordDrawer({ id, show }: { id: string; show: (id: string | undefined) => void }) {
  const query = useQuery({ queryKey: ["audit", "record", id], queryFn: () => ask(api.GET("/api/v1/audit/records/{record}", { params: { path: { record: id } } })), enabled: id !== "", staleTime: 60_000 });
  const one = query.data;
  return (
    <Drawer
      title={t("audit.recordTitle", { seq: one ? String(one.seq) : id })}
      open={id !== ""}
      onClose={() => show(undefined)}
      className="w-[min(720px,100vw)]"
      actions={
        <>
          <IconButton label={t("audit.newer")} icon={<ChevronUp />} disabled={!one?.newer} onClick={() => one?.newer && show(String(one.newer))} />
          <IconButton label={t("audit.older")} icon={<ChevronDown />} disabled={!one?.older} onClick={() => one?.older && show(String(one.older))} />
        </>
      }
    >
      <States query={query}>{(data) => <RecordPage one={data} show={show} />}</States>
    </Drawer>
  );
}

function RecordPage({ one, show }: { one: One; show: (id: string) => void }) {
  const record = one.record as AuditRecord;
  const names = one.names as Names;
  const earlier = one.linked?.find((l) => l.relation === "resource" && l.seq < one.seq && l.change !== undefined);
  const text = new TextDecoder().decode(unbase64(one.bytes));
  return (
    <div className="flex flex-col gap-6">
      {!one.intact && <p role="alert" className="rounded-md bg-bad-soft p-3 text-bad">{t("audit.notIntact")}</p>}
      <Facts one={one} record={record} names={names} />
      {record.change !== undefined && (
        <Section title={t("audit.change")}>
          <div className="grid grid-cols-2 gap-3 max-md:grid-cols-1">
            <Code title={earlier ? t("audit.before", { seq: String(earlier.seq) }) : t("audit.beforeNone")} text={earlier ? JSON.stringify(earlier.change, null, 2) : "—"} />
            <Code title={t("audit.after")} text={JSON.stringify(record.change, null, 2)} />
          </div>
        </Section>
      )}
      <Linked one={one} names={names} show={show} />
      <ProofSection one={one} />
      <Section title={t("audit.raw")} action={<CopyButton text={text} what={t("audit.raw")} />}>
        <Code text={text} wrap />
      </Section>
    </div>
  );
}

function Section({ title, action, children }: { title: string; action?: ReactNode; children: ReactNode }) {
  return (
    <section className="flex flex-col gap-2">
      <h2 className="flex items-center gap-2 font-semibold">{title}{action}</h2>
      {children}
    </section>
  );
}

function Code({ title, text, wrap }: { title?: string; text: string; wrap?: boolean }) {
  return (
    <div className="min-w-0">
      {title && <h3 className="pb-1 text-sm text-muted">{title}</h3>}
      <pre tabIndex={0} aria-label={title ?? t("audit.raw")} className={`max-h-72 overflow-auto rounded-md bg-sunken p-2 text-xs ${wrap ? "break-all whitespace-pre-wrap" : ""}`}>{text}</pre>
    </div>
  );
}

function Facts({ one, record, names }: { one: One; record: AuditRecord; names: Names }) {
  const user = record.actor.user_id ? names[`user/${record.actor.user_id}`] : undefined;
  const key = record.actor.key_id ? names[`key/${record.actor.key_id}`] : undefined;
  const resource = record.resource ? names[record.resource] : undefined;
  const facts: [string, ReactNode][] = [
    [t("audit.time"), <Time key="t" at={record.time} full />],
    [t("audit.who"), `${actorText(record, names)}${user?.detail ? ` (${user.detail})` : ""}, ${record.actor.role ?? record.actor.type}`],
    [t("audit.what"), record.action],
    [t("audit.how"), <Chip key="h" tone={toneOf(record)}>{endText(record)}</Chip>],
    [t("audit.filter_phase"), record.phase],
    [t("audit.status"), record.status],
    [t("audit.filter_key"), record.actor.key_id && `${key?.name ?? record.actor.key_id} (${record.actor.key_prefix ?? ""})`],
    [t("audit.filter_resource"), record.resource && `${resource?.name ? `${resource.name} · ` : ""}${record.resource}`],
    [t("audit.filter_model"), modelText(record)],
    [t("audit.filter_route"), record.route],
    [t("audit.filter_address"), one.source?.address],
    [t("audit.agent"), one.source?.user_agent],
    [t("audit.tokens"), record.tokens && `${record.tokens.input} → ${record.tokens.output}`],
    [t("audit.charge"), record.cost?.charge_micros && t("common.credits", { amount: String(record.cost.charge_micros / 1e6) })],
    [t("audit.filter_finding"), record.dlp?.counts && Object.entries(record.dlp.counts).map(([kind, n]) => `${kind} × ${n}`).join(", ")],
    [t("audit.filter_request"), record.request_id],
    [t("audit.filter_call"), record.call_id],
    [t("audit.filter_event"), record.event_id],
  ];
  return (
    <dl className="grid grid-cols-[minmax(110px,auto)_1fr] gap-x-4 gap-y-1.5 text-sm">
      {facts.filter(([, value]) => value !== undefined && value !== "" && value !== 0).map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="min-w-0 break-words">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Linked({ one, names, show }: { one: One; names: Names; show: (id: string) => void }) {
  const record = one.record as AuditRecord;
  const linked = one.linked ?? [];
  return (
    <Section title={t("audit.linked")}>
      {linked.length === 0 && !record.run_id && <p className="text-sm text-muted">{t("audit.linkedNone")}</p>}
      <ul className="flex flex-col gap-1 text-sm">
        {linked.map((l) => (
          <li key={l.seq}>
            <Button look="quiet" size="small" className="h-auto min-h-7 w-full justify-start whitespace-normal text-start" onClick={() => show(String(l.seq))}>
              <span className="text-muted">{t(`audit.relation_${l.relation}`)}</span>
              <span className="tabular">{l.seq}</span>
              <span>{l.action} · {l.error_code || l.outcome || l.phase}</span>
              <span className="text-muted">{actorText(l as unknown as AuditRecord, names)}</span>
            </Button>
          </li>
        ))}
      </ul>
      {record.resource && <AllOf resource={record.resource}>{t("audit.allOfResource")}</AllOf>}
      {record.run_id && <AllOf resource={`run/${record.run_id}`}>{t("audit.ofRun")}</AllOf>}
    </Section>
  );
}

function AllOf({ resource, children }: { resource: string; children: ReactNode }) {
  return (
    <Link to="/admin/audit" search={{ resource } as never} className="text-sm text-accent-text underline">
      {children}
    </Link>
  );
}

function ProofSection({ one }: { one: One }) {
  const query = useQuery({
    queryKey: ["audit", "proof", one.seq],
    enabled: false,
    queryFn: async () => {
      const proof = await ask(api.GET("/api/v1/audit/records/{record}/proof", { params: { path: { record: String(one.seq) } } }));
      return { proof, holds: canCheck() ? await checkProof(proof, unbase64(one.bytes)) : undefined };
    },
  });
  const save = () => {
    if (!query.data) return;
    // The record's bytes must stay as they are hashed, so they are put in as they came.
    const { record: _, ...rest } = query.data.proof;
    const text = `{"record":${new TextDecoder().decode(unbase64(one.bytes))},${JSON.stringify(rest).slice(1)}\n`;
    saveText(text, `proof-${one.seq}.json`, "application/json");
  };
  const size = query.data?.proof.checkpoint.split("\n")[1];
  return (
    <Section title={t("audit.proof")}>
      <p className="text-sm text-muted">{t("audit.proofWhat")}</p>
      <dl className="grid grid-cols-[minmax(110px,auto)_1fr] gap-x-4 gap-y-1 text-xs">
        <dt className="text-muted">{t("audit.hash")}</dt>
        <dd className="flex min-w-0 items-center gap-1 break-all"><code>{one.hash}</code><CopyButton text={one.hash} what={t("audit.hash")} /></dd>
        <dt className="text-muted">{t("audit.prevHash")}</dt>
        <dd className="break-all"><code>{one.prev_hash}</code></dd>
      </dl>
      {query.data ? (
        <>
          <p role="status" className="text-sm">
            {query.data.holds === undefined ? t("audit.proofUnchecked") : query.data.holds ? <Chip tone="ok">{t("audit.proofHolds", { size: size ?? "" })}</Chip> : <Chip tone="bad">{t("audit.proofFails")}</Chip>}
          </p>
          <Code title={t("audit.checkpoint")} text={query.data.proof.checkpoint} />
          <Code title={t("audit.path")} text={(query.data.proof.path ?? []).join("\n") || "—"} />
          <Button onClick={save} className="self-start"><Download aria-hidden className="size-4" />{t("audit.proofSave")}</Button>
        </>
      ) : (
        <>
          {query.error ? <p role="alert" className="text-bad">{query.error.message}</p> : null}
          <Button onClick={() => void query.refetch()} busy={query.isFetching} className="self-start">{t("audit.proofGet")}</Button>
        </>
      )}
    </Section>
  );
}
