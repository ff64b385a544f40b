import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { FileText } from "lucide-react";
import { ApiError } from "@/api/client";
import { Chip } from "@/components/Chip";
import { Page } from "@/components/Page";
import { Empty, States } from "@/components/States";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { ToolRow } from "@/pages/chat/Answer";
import { getShare, type SharedMessage, type Snapshot } from "@/pages/chat/calls";
import { Markdown } from "@/pages/chat/LazyMarkdown";
import { Plain } from "@/pages/chat/plain";

/** A conversation as it was when a member of the organisation shared it. */
export default function Shared() {
  const { id = "" } = useParams({ strict: false }) as { id?: string };
  const query = useQuery({ queryKey: ["share", id], queryFn: () => getShare(id), retry: false });
  const gone = query.error instanceof ApiError && query.error.status === 404;
  return (
    <Page title={query.data?.title || t("shared.title")} narrow>
      {gone ? <Empty title={t("shared.gone")}>{t("shared.goneWhy")}</Empty> : <States query={query}>{(shared) => <Snapshots shared={shared} />}</States>}
    </Page>
  );
}

function Snapshots({ shared }: { shared: Snapshot }) {
  return (
    <>
      <p className="text-sm text-muted">
        {t(shared.mine ? "shared.mine" : "shared.what")} <Time at={shared.created_at} full />
      </p>
      {shared.messages.map((m, i) => (
        <article key={i} aria-labelledby={`h-${i}`} data-role={m.role}>
          <header className="mb-1 flex items-center gap-2 text-xs text-muted">
            <h2 id={`h-${i}`} className="font-medium text-text">{m.role === "user" ? t("shared.person") : m.model || t("shared.agent")}</h2>
            <Time at={m.created_at} full />
          </header>
          <Said m={m} />
        </article>
      ))}
    </>
  );
}

function Said({ m }: { m: SharedMessage }) {
  if (m.role === "user") {
    return (
      <div className="rounded-md bg-sunken p-3">
        <p className="break-words whitespace-pre-wrap" dir="auto">{m.text}</p>
        {m.files.map((name) => (
          <span key={name} className="me-2 inline-flex items-center gap-1 text-xs text-muted">
            <FileText aria-hidden className="size-3" /> {name}
          </span>
        ))}
      </div>
    );
  }
  return (
    <div className="flex flex-col gap-2">
      {m.reasoning && (
        <details className="text-sm text-muted">
          <summary>{t("chat.thought")}</summary>
          <Plain text={m.reasoning} />
        </details>
      )}
      {m.tool_calls.map((call, i) => <ToolRow key={i} call={call} />)}
      <Markdown text={m.text} />
      {m.state !== "done" && <p><Chip tone="warn">{t(`chat.state_${m.state}`)}</Chip></p>}
    </div>
  );
}
