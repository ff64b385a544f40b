import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { components } from "@/api/schema";
import { useChange } from "@/api/useChange";
import { t } from "@/messages";

export type Report = components["schemas"]["SeriesReport"];
export type Line = components["schemas"]["SeriesView"];
export type Forecast = components["schemas"]["ForecastView"];
export type Balance = components["schemas"]["BalanceView"];
export type Entry = components["schemas"]["LedgerView"];

export const dimensions = ["model", "user", "group", "agent", "key"] as const;
export type Dimension = (typeof dimensions)[number];
export const measures = ["charge", "tokens", "calls"] as const;
export type Measure = (typeof measures)[number];

export interface Range { from: string; to: string }

/** The last so many days, today included, in UTC. */
export function lastDays(days: number, now = new Date()): Range {
  const day = (ago: number) => new Date(now.getTime() - ago * 86_400_000).toISOString().slice(0, 10);
  return { from: day(days - 1), to: day(0) };
}

/** What an address says of a chart; where it says nothing, the last 30 days. */
export function shownBy(address: Record<string, string>, offered: readonly Dimension[], otherwise: Dimension): { by: Dimension; measure: Measure; range: Range } {
  const { from, to } = lastDays(30);
  return {
    by: offered.find((d) => d === address.by) ?? otherwise,
    measure: measures.find((m) => m === address.show) ?? "charge",
    range: { from: address.from ?? from, to: address.to ?? to },
  };
}

export const rangeQuery = (by: string, range: Range) => new URLSearchParams({ by, ...range }).toString();

/** Whose usage: that of the organisation, or of the person alone. */
export type Whose = "all" | "mine";

export const useSeries = (whose: Whose, by: Dimension, range: Range) =>
  useQuery({
    queryKey: ["usage", whose, by, range],
    queryFn: () => call<Report>("GET", `/api/v1/usage/${whose === "mine" ? "mine/" : ""}series?${rangeQuery(by, range)}`),
    placeholderData: (before) => before,
  });
export const useForecast = () => useQuery({ queryKey: ["usage", "forecast"], queryFn: () => call<Forecast>("GET", "/api/v1/usage/forecast") });
export const useBalance = () => useQuery({ queryKey: ["credits"], queryFn: () => call<Balance>("GET", "/api/v1/credits") });

const ledgerPage = 100;

export const useLedger = () =>
  useInfiniteQuery({
    queryKey: ["credits", "ledger"],
    initialPageParam: 0,
    queryFn: ({ pageParam }) => call<Entry[]>("GET", `/api/v1/credits/ledger?order=newest&limit=${ledgerPage}&before=${pageParam}`),
    getNextPageParam: (page) => (page.length < ledgerPage ? undefined : page.at(-1)?.seq),
  });

export const useGrant = () => useChange((grant: { amount: string; note: string }) => call("POST", "/api/v1/credits/grants", grant), ["credits"]);

/** What a line of a chart is called. */
export function lineName(line: Line): string {
  if (line.rest) return t("usage.rest");
  return line.name || line.id || t("usage.noAgent");
}

/** The numbers of a line, one a day. */
export function values(line: Line, measure: Measure): number[] {
  return measure === "charge" ? (line.charge ?? []).map(Number) : (line[measure] ?? []);
}

/** The sum of all lines and days. */
export const total = (report: Report, measure: Measure) => (report.series ?? []).flatMap((line) => values(line, measure)).reduce((sum, n) => sum + n, 0);

/** One object a day, as charts want them; the names of lines are their places. */
export function chartPoints(report: Report, measure: Measure): Record<string, string | number>[] {
  return (report.days ?? []).map((day, at) => ({
    day, ...Object.fromEntries((report.series ?? []).map((line, n) => [`s${n}`, values(line, measure)[at] ?? 0])),
  }));
}

/** Where the trail shows the calls of a line; undefined: it cannot be asked so. */
export function recordsOf(by: Dimension, line: Line, range: Range): string | undefined {
  const name = { model: "model", user: "actor", key: "key", group: undefined, agent: undefined }[by];
  if (!name || line.rest || !line.id) return undefined;
  const until = new Date(Date.parse(range.to) + 86_400_000).toISOString();
  return `/admin/audit?${new URLSearchParams({ [name]: line.id, since: `${range.from}T00:00:00Z`, until }).toString()}`;
}
