import { lazy, type ReactNode, Suspense } from "react";
import { Skeleton } from "./Skeleton";

const LazyChart = lazy(() => import("./ChartCanvas"));

export interface Series {
  key: string;
  label: string;
}

export interface ChartProps {
  /** What the chart shows: its name for people who do not see it. */
  label: string;
  kind: "bar" | "line";
  /** One object a point: x, and a number for each series. */
  points: Record<string, string | number>[];
  x: string;
  series: Series[];
  stacked?: boolean;
  format?: (value: number) => string;
  height?: number;
}

/** A chart, and under it the table with the same numbers. The library loads with the first chart. */
export function Chart({ table, ...props }: ChartProps & { table: ReactNode }) {
  return (
    <figure className="flex flex-col gap-3">
      <Suspense fallback={<Skeleton className="h-60 w-full" />}>
        <LazyChart {...props} />
      </Suspense>
      {table}
    </figure>
  );
}
