import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { Ellipsis } from "lucide-react";
import { IconButton } from "@/components/Button";
import { Chip } from "@/components/Chip";
import { Menu } from "@/components/Menu";
import { Page } from "@/components/Page";
import { States } from "@/components/States";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { listRuns } from "@/pages/runs/calls";
import { Duration, StateChip } from "@/pages/runs/RunState";
import { Written } from "@/pages/runs/StepCard";
import { useSession } from "@/session";
import { getAgent, type WholeAgent } from "./calls";
import { InputsForm } from "./Inputs";
import { useAgentActions } from "./useActions";

export default function Agent() {
  const { id } = useParams({ strict: false }) as { id: string };
  const navigate = useNavigate();
  const query = useQuery({ queryKey: ["agent", id], queryFn: () => getAgent(id) });
  const { items, dialogs } = useAgentActions(() => void navigate({ to: "/agents" }));
  const agent = query.data;
  return (
    <Page title={agent?.name ?? t("agents.agent")} narrow actions={agent && <Menu trigger={<IconButton label={t("agents.actions")} icon={<Ellipsis />} />} items={items(agent)} />}>
      <States query={query}>{(whole) => <Whole key={whole.id} agent={whole} />}</States>
      {dialogs}
    </Page>
  );
}

function Whole({ agent }: { agent: WholeAgent }) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { can } = useSession();
  return (
    <>
      <section aria-label={t("agents.about")} className="flex flex-col gap-2">
        {agent.description && <p>{agent.description}</p>}
        <p className="flex flex-wrap items-center gap-3 text-sm text-muted">
          {t("agents.ownedBy", { name: agent.owner.name || agent.owner.id })}
          <Chip tone={agent.shared ? "accent" : "neutral"}>{agent.shared ? t("agents.shared") : t("agents.private")}</Chip>
          <span>{agent.models.join(", ")}</span>
        </p>
      </section>
      {agent.rights.includes("run") && (
        <section aria-label={t("agents.start")}>
          <h2 className="mb-2 text-lg font-semibold">{t("agents.start")}</h2>
          <Unusable agent={agent} />
          <InputsForm
            agent={agent}
            onStarted={(run) => {
              void queries.invalidateQueries({ queryKey: ["runs"] });
              void navigate({ to: "/runs/$id", params: { id: run.id } });
            }}
          />
        </section>
      )}
      {can("runs.list") && <Recent agent={agent.id} />}
      <section aria-label={t("agents.steps")}>
        <h2 className="mb-2 text-lg font-semibold">{t("agents.steps")}</h2>
        {agent.system_prompt && <Written label={t("runs.systemPrompt")} text={agent.system_prompt} />}
        <ol className="mt-3 flex flex-col gap-3">
          {agent.steps.map((step, n) => (
            <li key={n} className="rounded-md border border-line bg-surface p-3">
              <h3 className="font-medium">{n + 1}. {step.name || t("runs.stepNumber", { n: n + 1 })} <code className="font-normal text-sm text-muted">{step.model}</code></h3>
              <Written label={t("runs.prompt")} text={step.prompt} />
            </li>
          ))}
        </ol>
      </section>
    </>
  );
}

/** Says before a start that it would be refused, and why; the server decides. */
function Unusable({ agent }: { agent: WholeAgent }) {
  if (!agent.unusable?.length) return null;
  return (
    <div role="note" className="mb-3 rounded-md bg-warn-soft p-3">
      <p className="font-medium">{t("agents.unusable")}</p>
      <ul className="list-disc ps-5">
        {agent.unusable.map(({ model, why }) => <li key={model}><code>{model}</code>: {why}</li>)}
      </ul>
    </div>
  );
}

function Recent({ agent }: { agent: string }) {
  const query = useQuery({ queryKey: ["runs", "of", agent], queryFn: () => listRuns({ agent, limit: 5 }) });
  return (
    <section aria-label={t("agents.recent")}>
      <div className="mb-2 flex items-baseline gap-3">
        <h2 className="text-lg font-semibold">{t("agents.recent")}</h2>
        <Link to="/runs" search={{ agent } as never} className="text-sm underline">{t("agents.allRuns")}</Link>
      </div>
      <States query={query} isEmpty={(page) => page.runs.length === 0} empty={<p className="text-muted">{t("agents.noRuns")}</p>}>
        {(page) => (
          <ul className="flex flex-col divide-y divide-line rounded-md border border-line bg-surface">
            {page.runs.map((run) => (
              <li key={run.id}>
                <Link to="/runs/$id" params={{ id: run.id }} className="flex flex-wrap items-center gap-3 px-3 py-2 hover:bg-sunken">
                  <StateChip state={run.state} /> <Time at={run.created_at} /> <span>{run.user.name || run.user.id}</span>
                  <span className="ms-auto text-muted"><Duration from={run.created_at} to={run.ended_at} running={run.state === "in_progress"} /></span>
                </Link>
              </li>
            ))}
          </ul>
        )}
      </States>
    </section>
  );
}
