import { locale, t } from "@/messages";

const counts = new Intl.NumberFormat(locale);
const credit = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 6 });
const short = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });

/** A count: 12,345. */
export function Count({ n }: { n: number }) {
  return <span className="tabular">{counts.format(n)}</span>;
}

/** A count that need not be exact: 12.3K, with the exact one on hover. */
export function ShortCount({ n }: { n: number }) {
  return (
    <span className="tabular" title={counts.format(n)}>
      {short.format(n)}
    </span>
  );
}

/** Credits, as the server sends them: a number or a decimal in a string. */
export function creditText(amount: number | string): string {
  return credit.format(Number(amount));
}

export function Credits({ amount, unit = true }: { amount: number | string; unit?: boolean }) {
  const text = creditText(amount);
  return <span className="tabular">{unit ? t("common.credits", { amount: text }) : text}</span>;
}
