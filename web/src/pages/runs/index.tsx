import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { queryText } from "@/api/query";
import { Credits } from "@/components/Amount";
import { useAddress } from "@/components/address";
import { Button, buttonLook } from "@/components/Button";
import { DataTable, type Column } from "@/components/DataTable";
import { Field, Input, Select } from "@/components/Form";
import { Page } from "@/components/Page";
import { SaveButton } from "@/components/SaveButton";
import { SearchField } from "@/components/SearchField";
import { Empty, EmptyFiltered, States } from "@/components/States";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { useSession } from "@/session";
import { listRuns, type Run, runStates, startKinds } from "./calls";
import { Duration, StateChip } from "./RunState";

const filterNames = ["state", "q", "start", "user", "agent", "since", "until"] as const;

/** While something goes on, the list is read again so often. */
const refreshTime = 3_000;

export default function Runs() {
  const [address, set] = useAddress();
  const { can } = useSession();
  const navigate = useNavigate();
  const choice = Object.fromEntries(filterNames.flatMap((name) => (address[name] ? [[name, instant(name, address[name])]] : [])));
  const query = useInfiniteQuery({
    queryKey: ["runs", choice],
    initialPageParam: "",
    queryFn: ({ pageParam }) => listRuns({ ...choice, limit: 100, cursor: pageParam }),
    getNextPageParam: (page) => page.next,
    refetchInterval: (q) => (q.state.data?.pages.some((p) => p.runs.some((r) => r.state === "in_progress")) ? refreshTime : false),
  });
  const filters = filterNames.filter((name) => address[name]).map((name) => ({ label: `${t(`runs.filter_${name}`)}: ${word(name, address[name] ?? "")}`, remove: () => set({ [name]: undefined }) }));
  const clear = () => set(Object.fromEntries(filterNames.map((name) => [name, undefined])));
  return (
    <Page title={t("runs.title")} fixed bar={<Filters address={address} set={set} />} actions={can("runs.export") && <Downloads choice={choice} />}>
      <States
        query={query} isEmpty={(data) => data.pages.every((p) => p.runs.length === 0)}
        empty={filters.length > 0 ? <EmptyFiltered filters={filters} clear={clear} /> : (
          <Empty title={t("runs.emptyTitle")} action={<Link to="/agents" className={buttonLook({ look: "primary" })}>{t("runs.emptyAction")}</Link>}>{t("runs.empty")}</Empty>
        )}
      >
        {(data) => (
          <DataTable
            name="runs" label={t("runs.title")} columns={columns} rows={data.pages.flatMap((p) => p.runs)} rowId={(r) => r.id}
            onOpen={(r) => void navigate({ to: "/runs/$id", params: { id: r.id } })}
            onMore={query.hasNextPage ? () => void query.fetchNextPage() : undefined} loadingMore={query.isFetchingNextPage}
          />
        )}
      </States>
    </Page>
  );
}

/** Days of the address as the server wants them: the last day is included. */
function instant(name: string, value: string): string {
  if (name === "since") return `${value}T00:00:00Z`;
  if (name === "until") return new Date(Date.parse(`${value}T00:00:00Z`) + 86_400_000).toISOString();
  return value;
}

function word(name: string, value: string): string {
  if (name === "state" && runStates.some((s) => s === value)) return t(`runs.state_${value as Run["state"]}`);
  if (name === "start" && startKinds.some((s) => s === value)) return t(`runs.start_${value as Run["start"]}`);
  return value;
}

const columns: Column<Run>[] = [
  { id: "state", header: t("runs.state"), width: "130px", cell: (r) => <StateChip state={r.state} /> },
  { id: "agent", header: t("runs.agent"), width: "2fr", cell: (r) => <Link to="/runs/$id" params={{ id: r.id }} className="hover:underline">{r.agent.name}</Link> },
  { id: "user", header: t("runs.startedBy"), width: "1fr", cell: (r) => r.user.name || r.user.id },
  { id: "start", header: t("runs.filter_start"), width: "130px", cell: (r) => t(`runs.start_${r.start}`) },
  { id: "created", header: t("runs.startedAt"), width: "140px", cell: (r) => <Time at={r.created_at} /> },
  { id: "duration", header: t("runs.duration"), width: "110px", align: "end", cell: (r) => <Duration from={r.created_at} to={r.ended_at} running={r.state === "in_progress"} /> },
  { id: "credits", header: t("runs.credits"), width: "110px", align: "end", cell: (r) => <Credits amount={r.credits} unit={false} /> },
  { id: "id", header: t("runs.id"), width: "2fr", hidden: true, cell: (r) => <code>{r.id}</code> },
];

function Filters({ address, set }: { address: Record<string, string>; set: ReturnType<typeof useAddress>[1] }) {
  const failures = address["state"] === "failure";
  return (
    <>
      <Button aria-pressed={failures} look={failures ? "primary" : "plain"} onClick={() => set({ state: failures ? undefined : "failure" })}>{t("runs.failures")}</Button>
      <SearchField className="w-52" label={t("runs.search")} value={address["q"] ?? ""} onChange={(q) => set({ q })} />
      <Select className="w-36" aria-label={t("runs.state")} value={address["state"] ?? ""} onChange={(e) => set({ state: e.target.value })}>
        <option value="">{t("runs.allStates")}</option>
        {runStates.map((s) => <option key={s} value={s}>{t(`runs.state_${s}`)}</option>)}
      </Select>
      <Select className="w-40" aria-label={t("runs.filter_start")} value={address["start"] ?? ""} onChange={(e) => set({ start: e.target.value })}>
        <option value="">{t("runs.allStarts")}</option>
        {startKinds.map((s) => <option key={s} value={s}>{t(`runs.start_${s}`)}</option>)}
      </Select>
      <Field label={t("runs.filter_since")} className="flex-row items-center gap-2"><Input type="date" className="w-40" value={address["since"] ?? ""} onChange={(e) => set({ since: e.target.value })} /></Field>
      <Field label={t("runs.filter_until")} className="flex-row items-center gap-2"><Input type="date" className="w-40" value={address["until"] ?? ""} onChange={(e) => set({ until: e.target.value })} /></Field>
    </>
  );
}

function Downloads({ choice }: { choice: Record<string, string> }) {
  const at = (format: string) => `/api/v1/runs/export${queryText({ ...choice, format })}`;
  return (
    <>
      <SaveButton path={at("csv")}>{t("runs.csv")}</SaveButton>
      <SaveButton path={at("jsonl")}>{t("runs.json")}</SaveButton>
    </>
  );
}
