import { ShieldCheck } from "lucide-react";
import { useState } from "react";
import { api, ask } from "@/api/client";
import { Button } from "@/components/Button";
import { Chip } from "@/components/Chip";
import { tellFailure } from "@/components/tell";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import type { Verification } from "./live";

/** Begins to verify the trail, and says how far that is, or how it ended last. */
export function Verify({ last, onStart }: { last: Verification | undefined; onStart: (v: Verification) => void }) {
  const [busy, setBusy] = useState(false);
  const running = last !== undefined && last.state !== "done";
  const start = async () => {
    setBusy(true);
    try {
      onStart(await ask(api.POST("/api/v1/audit/verifications")));
    } catch (failure) {
      void tellFailure(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Outcome last={last} />
      <Button onClick={start} busy={busy || running}>
        <ShieldCheck aria-hidden className="size-4" />
        {t("audit.verify")}
      </Button>
    </>
  );
}

function Outcome({ last }: { last: Verification | undefined }) {
  if (!last) return null;
  if (last.state !== "done") {
    return (
      <span role="status" className="flex items-center gap-2 text-sm">
        <progress aria-label={t("audit.verifying")} max={Math.max(last.head, 1)} value={last.records} className="w-24 accent-(--accent)" />
        {t("audit.verifyingAt", { n: last.records, of: last.head })}
      </span>
    );
  }
  const verdict = last.verdict;
  return (
    <span role="status" className="flex items-center gap-2 text-sm">
      {verdict?.ok ? (
        <Chip tone="ok">{t("audit.verified", { seq: verdict.last_seq })}</Chip>
      ) : (
        <Chip tone="bad">{t("audit.bad", { seq: verdict?.bad_seq ?? 0, why: verdict?.why ?? "" })}</Chip>
      )}
      <Time at={last.ended_at} />
    </span>
  );
}
