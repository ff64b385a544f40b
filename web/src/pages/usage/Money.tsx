import type { ReactNode } from "react";
import { Credits } from "@/components/Amount";
import { Skeleton } from "@/components/Skeleton";
import { States } from "@/components/States";
import { t } from "@/messages";
import { useBalance, useForecast } from "./data";

/** The balance, and what the month will have cost. */
export function Money() {
  const balance = useBalance();
  const forecast = useForecast();
  return (
    <div className="grid gap-4 md:grid-cols-2">
      <States query={balance} skeleton={<Skeleton className="h-20 w-full" />}>
        {(b) => (
          <Figures>
            <Figure name={t("usage.balance")}><Credits amount={b.balance} /></Figure>
            <Figure name={t("usage.heldNow")}><Credits amount={b.held} /></Figure>
          </Figures>
        )}
      </States>
      <States query={forecast} skeleton={<Skeleton className="h-20 w-full" />}>
        {(f) => (
          <Figures note={f.method}>
            <Figure name={t("usage.spentMonth", { month: f.month })}><Credits amount={f.spent} /></Figure>
            <Figure name={t("usage.forecast", { month: f.month })}>{f.days > 0 ? <Credits amount={f.forecast} /> : "—"}</Figure>
          </Figures>
        )}
      </States>
    </div>
  );
}

export function Figures({ note, children }: { note?: string; children: ReactNode }) {
  return (
    <div className="rounded-md border border-line bg-surface p-4">
      <dl className="grid grid-cols-[repeat(auto-fit,minmax(6rem,1fr))] gap-4">{children}</dl>
      {note && <p className="mt-2 text-xs text-muted">{note}</p>}
    </div>
  );
}

export function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-sm text-muted">{name}</dt>
      <dd className="text-lg font-semibold">{children}</dd>
    </div>
  );
}
