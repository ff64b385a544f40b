import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { newKey } from "@/api/once";
import { Credits } from "@/components/Amount";
import { Button } from "@/components/Button";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { CopyButton } from "@/components/CopyButton";
import { FormError } from "@/components/Form";
import { Page } from "@/components/Page";
import { States } from "@/components/States";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { useSession } from "@/session";
import { outputOf, type Live } from "./apply";
import { cancelRun, rerun, type WholeRun } from "./calls";
import { Duration, StateChip } from "./RunState";
import { StepCard, Written } from "./StepCard";
import { runKey, useRun } from "./useRun";

export default function Run() {
  const { id } = useParams({ strict: false }) as { id: string };
  const { query, live, lost } = useRun(id);
  const name = live?.run.agent.name;
  return (
    <Page title={name ? t("runs.runOf", { name }) : t("runs.run")} actions={live && <Actions run={live.run} />} narrow>
      {lost && <p role="status" className="rounded-md bg-warn-soft p-2">{t("runs.connectionLost")}</p>}
      <States query={query}>{() => live && <Whole live={live} />}</States>
    </Page>
  );
}

function Actions({ run }: { run: WholeRun }) {
  const { can } = useSession();
  const [asking, setAsking] = useState(false);
  const queries = useQueryClient();
  const goesOn = run.state === "in_progress";
  const cancel = async () => {
    await cancelRun(run.id);
    await queries.invalidateQueries({ queryKey: runKey(run.id) });
  };
  return (
    <>
      {!goesOn && can("runs.start") && !run.agent.deleted && <Again run={run} />}
      {goesOn && can("runs.cancel") && <Button look="danger" onClick={() => setAsking(true)}>{t("runs.cancel")}</Button>}
      <ConfirmDialog
        title={t("runs.cancelTitle")} description={t("runs.cancelWhy", { name: run.agent.name })} act={t("runs.cancel")}
        open={asking} onClose={() => setAsking(false)} onConfirm={cancel}
      />
    </>
  );
}

/** Starts the same again; a second press or a lost answer starts no other run. */
function Again({ run }: { run: WholeRun }) {
  const navigate = useNavigate();
  const key = useRef(newKey());
  const again = useMutation({
    mutationFn: () => rerun(run.id, key.current),
    onSuccess: (next) => navigate({ to: "/runs/$id", params: { id: next.id } }),
  });
  return (
    <>
      {again.error && <FormError error={again.error} />}
      <Button busy={again.isPending} onClick={() => again.mutate()}>{t("runs.again")}</Button>
    </>
  );
}

function Whole({ live }: { live: Live }) {
  const run = live.run;
  const { can } = useSession();
  const failed = run.steps.find((s) => s.state === "failure" || s.state === "cancelled");
  return (
    <>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1" data-run-state={run.state}>
        <dt className="text-muted">{t("runs.state")}</dt>
        <dd><span role="status"><StateChip state={run.state} /></span></dd>
        <dt className="text-muted">{t("runs.agent")}</dt>
        <dd>{run.agent.deleted ? t("runs.agentDeleted", { name: run.agent.name }) : <Link className="underline" to="/agents/$id" params={{ id: run.agent.id }}>{run.agent.name}</Link>}</dd>
        <dt className="text-muted">{t("runs.startedBy")}</dt>
        <dd>{run.user.name || run.user.id} · {t(`runs.start_${run.start}`)}</dd>
        <dt className="text-muted">{t("runs.startedAt")}</dt>
        <dd><Time at={run.created_at} /></dd>
        <dt className="text-muted">{t("runs.duration")}</dt>
        <dd><Duration from={run.created_at} to={run.ended_at} running={run.state === "in_progress"} /></dd>
        <dt className="text-muted">{t("runs.credits")}</dt>
        <dd><Credits amount={run.credits} /></dd>
        <dt className="text-muted">{t("runs.id")}</dt>
        <dd className="flex items-center gap-1"><code className="break-all">{run.id}</code><CopyButton text={run.id} what={t("runs.id")} /></dd>
        {can("audit.list") && (
          <>
            <dt className="text-muted">{t("audit.title")}</dt>
            <dd><Link className="underline" to="/admin/audit" search={{ run: run.id } as never}>{t("runs.records")}</Link></dd>
          </>
        )}
      </dl>
      {run.error && !failed && <p role="alert" className="rounded-md bg-bad-soft p-3">{run.error.message} <code>{run.error.code}</code></p>}
      {(Object.keys(run.inputs).length > 0 || run.text) && (
        <section aria-label={t("runs.inputs")}>
          <h2 className="text-lg font-semibold">{t("runs.inputs")}</h2>
          {Object.entries(run.inputs).map(([name, value]) => <Written key={name} label={name} text={value} />)}
          {run.text && <Written label={t("runs.message")} text={run.text} />}
        </section>
      )}
      <section aria-label={t("runs.steps")}>
        <h2 className="mb-2 text-lg font-semibold">{t("runs.steps")}</h2>
        <ol className="flex flex-col gap-3">
          {run.steps.map((step) => <StepCard key={step.index} step={step} output={outputOf(live, step)} error={step === failed ? run.error : undefined} />)}
        </ol>
      </section>
    </>
  );
}
