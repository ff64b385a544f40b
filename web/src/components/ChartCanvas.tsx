import { Bar, BarChart, CartesianGrid, Legend, Line, LineChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import type { ChartProps } from "./Charts";

const colours = ["var(--accent-text)", "var(--warn)", "var(--ok)", "var(--bad)", "var(--muted)", "var(--edge)"];

/** Lines differ by their dashes too, never by colour alone. */
const dashes = ["0", "6 3", "2 3", "8 3 2 3", "1 4", "12 4"];

/** The chart itself. Charts.tsx loads it when it is first needed. */
export default function ChartCanvas({ label, kind, points, x, series, stacked, format = String, height = 240 }: ChartProps) {
  const axes = [
    <CartesianGrid key="grid" stroke="var(--line)" vertical={false} />,
    <XAxis key="x" dataKey={x} stroke="var(--muted)" fontSize={12} tickLine={false} />,
    <YAxis key="y" stroke="var(--muted)" fontSize={12} tickLine={false} width={64} tickFormatter={(v) => format(Number(v))} />,
    <Tooltip
      key="tip"
      formatter={(v) => format(Number(v))}
      contentStyle={{ background: "var(--surface)", border: "1px solid var(--line)", borderRadius: 8, color: "var(--text)" }}
      cursor={{ fill: "var(--sunken)" }}
      isAnimationActive={false}
    />,
    <Legend key="legend" formatter={(text) => <span style={{ color: "var(--text)" }}>{text}</span>} />,
  ];
  return (
    <div role="group" aria-label={label} style={{ height }}>
      <ResponsiveContainer width="100%" height="100%">
        {kind === "bar" ? (
          <BarChart data={points} accessibilityLayer>
            {axes}
            {series.map((s, i) => (
              <Bar key={s.key} dataKey={s.key} name={s.label} fill={colours[i % colours.length]} {...(stacked ? { stackId: "all" } : {})} isAnimationActive={false} />
            ))}
          </BarChart>
        ) : (
          <LineChart data={points} accessibilityLayer>
            {axes}
            {series.map((s, i) => (
              <Line key={s.key} dataKey={s.key} name={s.label} stroke={colours[i % colours.length]} strokeDasharray={dashes[i % dashes.length]} dot={false} isAnimationActive={false} />
            ))}
          </LineChart>
        )}
      </ResponsiveContainer>
    </div>
  );
}
