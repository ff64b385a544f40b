import { ChevronRight, Wrench } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "@/components/Button";
import { Chip } from "@/components/Chip";
import { t } from "@/messages";
import type { Message, ToolCall } from "./message";

import { Markdown } from "./LazyMarkdown";
import { Plain } from "./plain";
import { ProblemNote } from "./ProblemNote";
import { problemOfAnswer } from "./problems";

interface AnswerProps {
  m: Message;
  onContinue: (m: Message) => void;
  onRetry: (m: Message) => void;
  onEdit: (m: Message) => void;
  /** Another answer is being written below this one: nothing can be asked for now. */
  busy: boolean;
}

/** What a model said: how it thought, what it called, the text, and how it ended. */
export function AnswerBody({ m, onContinue, onRetry, onEdit, busy }: AnswerProps) {
  const streaming = m.state === "streaming";
  return (
    <div className="flex flex-col gap-2" data-state={m.state}>
      {m.left_out > 0 && <p className="text-xs text-muted">{t("chat.leftOut", { n: m.left_out })}</p>}
      {m.reasoning && (
        <Row title={streaming && !m.text ? t("chat.thinking") : t("chat.thought")}>
          <Plain text={m.reasoning} />
        </Row>
      )}
      {m.tool_calls.map((call, i) => (
        <ToolRow key={call.id || i} call={call} />
      ))}
      {m.text && <Markdown text={m.text} streaming={streaming} />}
      {streaming && !m.text && <p className="animate-pulse text-muted">{t("chat.waiting")}</p>}
      <Ending m={m} onContinue={onContinue} onRetry={onRetry} onEdit={onEdit} busy={busy} />
    </div>
  );
}

function Ending({ m, onContinue, onRetry, onEdit, busy }: AnswerProps) {
  const again = <Button size="small" disabled={busy} onClick={() => onRetry(m)}>{t("common.tryAgain")}</Button>;
  switch (m.state) {
    case "stopped":
    case "cut":
      return (
        <div className="flex flex-wrap items-center gap-2 text-sm" data-ending={m.state}>
          <Chip tone={m.state === "cut" ? "warn" : "neutral"}>{t(m.state === "cut" ? "chat.cut" : "chat.stopped")}</Chip>
          {m.state === "cut" && <span>{t("chat.cutWhy")}</span>}
          {m.text && <Button size="small" disabled={busy} onClick={() => onContinue(m)}>{t("chat.continue")}</Button>}
          {again}
        </div>
      );
    case "failed":
      return <ProblemNote problem={problemOfAnswer(m.error, m.request_id)}>{again}</ProblemNote>;
    case "blocked":
      return (
        <ProblemNote problem={problemOfAnswer(m.error ?? { code: "dlp_blocked", message: "" }, m.request_id)}>
          <Button size="small" disabled={busy} onClick={() => onEdit(m)}>{t("chat.editBlocked")}</Button>
        </ProblemNote>
      );
    default:
      return null;
  }
}

/** Row is collapsed until somebody wants to read it. */
function Row({ title, icon, children }: { title: ReactNode; icon?: ReactNode; children: ReactNode }) {
  return (
    <details className="group rounded-md border border-line bg-surface text-sm">
      <summary className="flex min-h-8 cursor-pointer list-none items-center gap-2 px-2 text-muted pointer-coarse:min-h-11">
        <ChevronRight aria-hidden className="size-4 shrink-0 transition-transform group-open:rotate-90 rtl:-scale-x-100" />
        {icon}
        {title}
      </summary>
      <div className="border-t border-line p-2">{children}</div>
    </details>
  );
}

const toolStates: Record<string, "chat.toolWriting" | "chat.toolCalled"> = { writing: "chat.toolWriting", called: "chat.toolCalled" };

export function ToolRow({ call }: { call: ToolCall }) {
  const state = toolStates[call.state];
  return (
    <Row
      icon={<Wrench aria-hidden className="size-4 shrink-0" />}
      title={
        <>
          <code className="truncate text-text">{call.name}</code>
          {state && <Chip>{t(state)}</Chip>}
        </>
      }
    >
      <h3 className="text-xs font-medium text-muted">{t("chat.toolArguments")}</h3>
      <Plain text={pretty(call.arguments)} code />
      {call.result && (
        <>
          <h3 className="mt-2 text-xs font-medium text-muted">{t("chat.toolResult")}</h3>
          <Plain text={pretty(call.result)} code />
        </>
      )}
    </Row>
  );
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
