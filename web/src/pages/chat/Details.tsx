import type { ReactNode } from "react";
import { Count, Credits } from "@/components/Amount";
import { CopyButton } from "@/components/CopyButton";
import { Drawer } from "@/components/Drawer";
import { Time } from "@/components/Time";
import { locale, t } from "@/messages";
import { type Message, microCredits } from "./message";

const seconds = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });

/** Details of an answer: who wrote it, what it cost, and what data protection replaced on its way. */
export function Details({ m, asked, onClose }: { m: Message | undefined; asked: Message | undefined; onClose: () => void }) {
  return (
    <Drawer title={t("chat.details")} open={m !== undefined} onClose={onClose}>
      {m && (
        <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2">
          <Fact name={t("chat.factModel")}>{m.model}</Fact>
          <Fact name={t("chat.factTime")}><Time at={m.created_at} full /></Fact>
          <Fact name={t("chat.factState")}>{t(`chat.state_${m.state}`)}</Fact>
          {m.usage && (
            <>
              <Fact name={t("chat.factInput")}><Count n={m.usage.input} /></Fact>
              {m.usage.cached_input > 0 && <Fact name={t("chat.factCached")}><Count n={m.usage.cached_input} /></Fact>}
              <Fact name={t("chat.factOutput")}><Count n={m.usage.output} /></Fact>
              {m.usage.reasoning > 0 && <Fact name={t("chat.factReasoning")}><Count n={m.usage.reasoning} /></Fact>}
            </>
          )}
          <Fact name={t("chat.factCredits")}><Credits amount={m.credits / microCredits} unit={false} /></Fact>
          {m.duration_ms > 0 && <Fact name={t("chat.factDuration")}>{t("chat.seconds", { n: seconds.format(m.duration_ms / 1000) })}</Fact>}
          {m.request_id && (
            <Fact name={t("common.requestId")}>
              <span className="flex items-center gap-1">
                <code className="break-all">{m.request_id}</code>
                <CopyButton text={m.request_id} what={t("common.requestId")} />
              </span>
            </Fact>
          )}
          <Fact name={t("chat.factMaskedOut")}><MaskedList m={asked} /></Fact>
          <Fact name={t("chat.factMaskedIn")}><MaskedList m={m} /></Fact>
        </dl>
      )}
    </Drawer>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </>
  );
}

function MaskedList({ m }: { m: Message | undefined }) {
  if (!m || m.masked.length === 0) return <>{t("common.none")}</>;
  return (
    <ul>
      {m.masked.map((x) => (
        <li key={x.type + x.label + x.action}>{t("chat.maskedCount", { label: x.label, n: x.count, action: t(`chat.action_${x.action}`) })}</li>
      ))}
    </ul>
  );
}
