import { ChevronLeft, ChevronRight, Ellipsis, FileText, GitFork, Pencil, RefreshCw, ThumbsDown, ThumbsUp } from "lucide-react";
import { memo, type RefObject, useRef, useState } from "react";
import { Credits } from "@/components/Amount";
import { Button, IconButton } from "@/components/Button";
import { Chip } from "@/components/Chip";
import { copyText, CopyButton } from "@/components/CopyButton";
import { TextArea } from "@/components/Form";
import { Menu, type MenuItem } from "@/components/Menu";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { toast } from "sonner";
import { AnswerBody } from "./Answer";
import { size } from "./files";
import { segmentsOf, unplaced } from "./masked";
import { type Message, microCredits } from "./message";
import { ProblemNote } from "./ProblemNote";
import { problemOf } from "./problems";
import { RunCard } from "./RunCard";
import { placeOf } from "./tree";

/** What can be done with a message. The object stays the same, so that messages need not be drawn again. */
export type Acts = {
  regenerate: (m: Message) => void;
  regenerateWith: (m: Message) => void;
  resume: (m: Message) => void;
  edit: (m: Message, text: string) => Promise<void>;
  editBlocked: (m: Message) => void;
  version: (m: Message, which: "before" | "after") => void;
  fork: (m: Message) => void;
  rate: (m: Message, value: number) => void;
  details: (m: Message) => void;
  forgive: () => void;
};

interface Props {
  m: Message;
  /** The model that answered before; a change is marked. */
  modelBefore: string | undefined;
  acts: Acts;
  busy: boolean;
  /** An act on this message was refused. */
  refused: unknown;
  lit: boolean;
}

/** A message is drawn again only when it changes itself. */
export const MessageView = memo(function MessageView({ m, modelBefore, acts, busy, refused, lit }: Props) {
  const body = useRef<HTMLDivElement>(null);
  const switched = m.role === "assistant" && modelBefore !== undefined && modelBefore !== m.model;
  return (
    <>
      {switched && (
        <p className="flex items-center gap-3 text-xs text-muted before:h-px before:flex-1 before:bg-line after:h-px after:flex-1 after:bg-line">
          {t("chat.switched", { model: m.model })}
        </p>
      )}
      <article
        id={`m-${m.id}`}
        aria-labelledby={`h-${m.id}`}
        data-role={m.role}
        className={`group/message scroll-mt-4 [contain-intrinsic-size:auto_160px] [content-visibility:auto] ${lit ? "rounded-md outline-2 outline-offset-4 outline-accent" : ""}`}
      >
        <header className="mb-1 flex items-center gap-2 text-xs text-muted">
          <h2 id={`h-${m.id}`} className="font-medium text-text">{nameOf(m)}</h2>
          <Time at={m.created_at} />
        </header>
        <div ref={body}>
          {m.role === "user" && <Said m={m} acts={acts} />}
          {m.role === "run" && <RunCard run={m.run} />}
          {m.role === "assistant" && <AnswerBody m={m} busy={busy} onContinue={acts.resume} onRetry={acts.regenerate} onEdit={acts.editBlocked} />}
        </div>
        {refused !== undefined && (
          <div className="mt-2">
            <ProblemNote problem={problemOf(refused)}>
              <Button size="small" onClick={acts.forgive}>{t("common.close")}</Button>
            </ProblemNote>
          </div>
        )}
        {m.state !== "streaming" && <Footer m={m} acts={acts} busy={busy} body={body} />}
      </article>
    </>
  );
});

function nameOf(m: Message): string {
  if (m.role === "user") return t("chat.you");
  if (m.role === "run") return t("chat.agent");
  return m.continues ? t("chat.goesOn", { model: m.model }) : m.model;
}

/** Said is the person's own message, with what was replaced in it. */
function Said({ m, acts }: { m: Message; acts: Acts }) {
  const [editing, setEditing] = useState(false);
  return (
    <div className="rounded-md bg-sunken p-3">
      {editing ? (
        <Edit m={m} acts={acts} close={() => setEditing(false)} />
      ) : (
        <>
          <p className="break-words whitespace-pre-wrap" dir="auto">
            {segmentsOf(m.text, m.masked).map((s, i) =>
              s.masked ? (
                <span key={i} className="rounded-sm bg-warn-soft px-1 text-warn">
                  {s.text} <span className="text-xs font-medium">({t(s.masked.action === "block" ? "chat.maskBlocked" : "chat.masked", { label: s.masked.label })})</span>
                </span>
              ) : (
                s.text
              ),
            )}
          </p>
          {unplaced(m.masked).map((x) => (
            <Chip key={x.type + x.label + x.action} tone="warn" className="me-1">
              {t(x.action === "block" ? "chat.maskBlocked" : "chat.masked", { label: x.label })}
            </Chip>
          ))}
          {m.attachments.length > 0 && (
            <ul aria-label={t("chat.files")} className="mt-2 flex flex-wrap gap-2">
              {m.attachments.map((f) => (
                <li key={f.id} className="flex items-center gap-1 rounded-sm border border-line bg-surface px-2 py-0.5 text-xs">
                  <FileText aria-hidden className="size-3" />
                  {f.name} <span className="text-muted">{size(f.size)}</span>
                </li>
              ))}
            </ul>
          )}
          <IconButton className="float-end -mt-6 -me-1" label={t("chat.edit")} icon={<Pencil />} onClick={() => setEditing(true)} />
        </>
      )}
    </div>
  );
}

/** Edit makes another version of a question; the old one stays with all that follows it. */
function Edit({ m, acts, close }: { m: Message; acts: Acts; close: () => void }) {
  const [text, setText] = useState(m.text);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const save = async () => {
    if (busy || text.trim() === "") return;
    setBusy(true);
    try {
      await acts.edit(m, text);
      close();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <form
      className="flex flex-col gap-2"
      onSubmit={(e) => {
        e.preventDefault();
        void save();
      }}
      onKeyDown={(e) => {
        if (e.key === "Escape") {
          e.stopPropagation();
          close();
        }
        if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
          e.preventDefault();
          void save();
        }
      }}
    >
      <TextArea autoFocus aria-label={t("chat.editText")} value={text} onChange={(e) => setText(e.target.value)} className="field-sizing-content max-h-[50dvh]" />
      {error !== undefined && <ProblemNote problem={problemOf(error)} />}
      <p className="text-xs text-muted">{t("chat.editWhat")}</p>
      <div className="flex justify-end gap-2">
        <Button size="small" onClick={close}>{t("common.cancel")}</Button>
        <Button size="small" look="primary" type="submit" busy={busy}>{t("chat.editSend")}</Button>
      </div>
    </form>
  );
}

function Footer({ m, acts, busy, body }: { m: Message; acts: Acts; busy: boolean; body: RefObject<HTMLDivElement | null> }) {
  const answer = m.role === "assistant";
  return (
    <footer className="mt-1 flex flex-wrap items-center gap-1 text-xs text-muted">
      <Versions m={m} acts={acts} />
      {m.role !== "run" && <CopyButton text={m.text} what={t(answer ? "chat.answerMarkdown" : "chat.messageWord")} />}
      {answer && (
        <>
          <IconButton label={t("chat.regenerate")} icon={<RefreshCw />} disabled={busy} onClick={() => acts.regenerate(m)} />
          <IconButton label={t("chat.good")} icon={<ThumbsUp />} aria-pressed={m.rating === 1} className="aria-pressed:text-accent-text" onClick={() => acts.rate(m, m.rating === 1 ? 0 : 1)} />
          <IconButton label={t("chat.bad")} icon={<ThumbsDown />} aria-pressed={m.rating === -1} className="aria-pressed:text-bad" onClick={() => acts.rate(m, m.rating === -1 ? 0 : -1)} />
        </>
      )}
      <Menu trigger={<IconButton label={t("chat.more")} icon={<Ellipsis />} />} align="start" items={menuOf(m, acts, busy, body)} />
      {answer && m.credits > 0 && <span className="ms-auto"><Credits amount={m.credits / microCredits} /></span>}
    </footer>
  );
}

function menuOf(m: Message, acts: Acts, busy: boolean, body: RefObject<HTMLDivElement | null>): MenuItem[] {
  const plain = () => void copyText(body.current?.innerText ?? m.text).then((done) => (done ? toast.success(t("common.copied")) : toast.error(t("common.copyFailed"))));
  const items: MenuItem[] = [{ label: t("chat.fork"), icon: <GitFork />, onSelect: () => acts.fork(m) }];
  if (m.role !== "assistant") return items;
  return [
    { label: t("chat.copyPlain"), onSelect: plain },
    { label: t("chat.regenerateWith"), disabled: busy, onSelect: () => acts.regenerateWith(m) },
    ...items,
    { label: t("chat.details"), onSelect: () => acts.details(m) },
  ];
}

function Versions({ m, acts }: { m: Message; acts: Acts }) {
  const place = placeOf(m);
  if (place.of < 2) return null;
  return (
    <span role="group" aria-label={t("chat.versions")} className="flex items-center">
      <IconButton label={t("chat.versionBefore")} icon={<ChevronLeft />} disabled={!place.before} onClick={() => acts.version(m, "before")} />
      <span className="tabular" data-version>{t("chat.version", { at: place.at, of: place.of })}</span>
      <IconButton label={t("chat.versionAfter")} icon={<ChevronRight />} disabled={!place.after} onClick={() => acts.version(m, "after")} />
    </span>
  );
}
