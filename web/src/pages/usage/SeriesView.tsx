import { Link } from "@tanstack/react-router";
import { creditText } from "@/components/Amount";
import { parseSearch } from "@/components/address";
import { Chart } from "@/components/Charts";
import { Empty, States } from "@/components/States";
import { locale, t } from "@/messages";
import { chartPoints, type Dimension, type Line, lineName, type Measure, type Range, recordsOf, type Report, useSeries, values, type Whose } from "./data";

const number = (n: number) => n.toLocaleString(locale, { maximumFractionDigits: 6 });

export function SeriesView({ whose, by, measure, range }: { whose: Whose; by: Dimension; measure: Measure; range: Range }) {
  const query = useSeries(whose, by, range);
  const shown = t(`usage.${measure}`);
  const label = whose === "mine" && by === "user" ? t("usage.chartAll", { measure: shown }) : t("usage.chart", { measure: shown, by: t(`usage.${by}`).toLowerCase() });
  return (
    <States query={query} isEmpty={(r) => (r.series ?? []).length === 0} empty={<Empty title={t("usage.noUsage")}>{t("usage.noUsageHelp")}</Empty>}>
      {(report) => (
        <>
          <Chart
            label={label} kind="bar" stacked x="day" format={number} points={chartPoints(report, measure)}
            series={(report.series ?? []).map((line, n) => ({ key: `s${n}`, label: lineName(line) }))}
            table={<Numbers report={report} measure={measure} />}
          />
          <Top lines={report.series ?? []} to={(line) => (whose === "mine" ? undefined : recordsOf(by, line, range))} />
        </>
      )}
    </States>
  );
}

/** The dearest, each with the way to its records where the trail has one. */
function Top({ lines, to }: { lines: Line[]; to: (line: Line) => string | undefined }) {
  return (
    <section>
      <h2 className="mb-2 font-semibold">{t("usage.top")}</h2>
      <ol className="flex flex-col gap-1">
        {lines.map((line) => (
          <li key={`${line.id}${line.rest}`} className="flex flex-wrap items-center gap-3">
            <span className="min-w-48">{lineName(line)}</span>
            <span className="tabular">{t("common.credits", { amount: creditText(line.total) })}</span>
            <Records to={to(line)} name={lineName(line)} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function Records({ to, name }: { to: string | undefined; name: string }) {
  if (!to) return null;
  const [path, search] = to.split("?");
  return (
    <Link to={path as never} search={parseSearch(search ?? "") as never} className="text-accent-text underline" aria-label={`${t("usage.records")}: ${name}`}>
      {t("usage.records")}
    </Link>
  );
}

/** The numbers of the chart, newest first: who does not see it reads them here. */
function Numbers({ report, measure }: { report: Report; measure: Measure }) {
  const lines: Line[] = report.series ?? [];
  const days = [...(report.days ?? []).entries()].reverse();
  return (
    <div className="max-h-80 overflow-auto rounded-md border border-line" tabIndex={0} role="region" aria-label={t("usage.table")}>
      <table className="w-full text-sm">
        <caption className="sr-only">{t("usage.table")}</caption>
        <thead className="sticky top-0 bg-sunken text-muted">
          <tr>
            <th scope="col" className="px-3 py-2 text-start">{t("usage.day")}</th>
            {lines.map((line) => <th key={`${line.id}${line.rest}`} scope="col" className="px-3 py-2 text-end">{lineName(line)}</th>)}
          </tr>
        </thead>
        <tbody>
          {days.map(([at, day]) => (
            <tr key={day} className="border-t border-line">
              <th scope="row" className="px-3 py-1.5 text-start font-normal whitespace-nowrap tabular">{day}</th>
              {lines.map((line) => <td key={`${line.id}${line.rest}`} className="px-3 py-1.5 text-end tabular">{number(values(line, measure)[at] ?? 0)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
