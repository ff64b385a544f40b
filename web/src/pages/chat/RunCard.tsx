import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Credits } from "@/components/Amount";
import { buttonLook } from "@/components/Button";
import { Chip, type Tone } from "@/components/Chip";
import { States } from "@/components/States";
import { t } from "@/messages";
import { getRun, type Run, type RunState } from "./calls";
import { Markdown } from "./LazyMarkdown";

/** followTime is how often a run that goes on is looked at. */
const followTime = 1_000;

const tones: Record<RunState, Tone> = { in_progress: "accent", success: "ok", failure: "bad", cancelled: "warn" };

/** RunCard shows how far an agent has come that was started from the conversation. */
export function RunCard({ run }: { run: string }) {
  const query = useQuery({
    queryKey: ["run", run, "card"],
    queryFn: () => getRun(run),
    refetchInterval: (q) => (q.state.data && q.state.data.state !== "in_progress" ? false : followTime),
  });
  return (
    <div className="rounded-md border border-line bg-surface p-3" data-run={run}>
      <States query={{ ...query, isFetching: false }} skeleton={<p>{t("common.loading")}</p>}>
        {(r) => <Card r={r} />}
      </States>
    </div>
  );
}

function Card({ r }: { r: Run }) {
  return (
    <div className="flex flex-col gap-2">
      <p className="flex flex-wrap items-center gap-2">
        <span className="font-medium">{r.agent.name}</span>
        <Chip tone={tones[r.state]}>{t(`chat.run_${r.state}`)}</Chip>
        <span className="text-xs text-muted">{t("chat.runSteps", { n: r.steps.length })}</span>
        {Number(r.credits) > 0 && <span className="text-xs text-muted"><Credits amount={r.credits} /></span>}
        <Link to="/runs/$id" params={{ id: r.id }} className={buttonLook({ size: "small", className: "ms-auto" })}>
          {t("chat.openRun")}
        </Link>
      </p>
      {r.result && <Markdown text={r.result} />}
      {r.error && <p className="text-bad">{r.error.message}</p>}
    </div>
  );
}
