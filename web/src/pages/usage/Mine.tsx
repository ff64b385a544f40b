import { Count, Credits } from "@/components/Amount";
import { useAddress } from "@/components/address";
import { Section } from "@/components/Section";
import { t } from "@/messages";
import { type Dimension, type Range, shownBy, total, useSeries } from "./data";
import { Filters } from "./Filters";
import { Figure, Figures } from "./Money";
import { SeriesView } from "./SeriesView";

/** Of one person, "by user" is all of it in one line. */
const choices: [Dimension, string][] = [
  ["user", t("usage.inAll")], ["model", t("usage.model")], ["key", t("usage.key")], ["agent", t("usage.agent")],
];

/** What the person's own calls used and cost. The address has the range and what is shown. */
export default function MyUsage() {
  const [address, setAddress] = useAddress();
  const { by, measure, range } = shownBy(address, choices.map(([d]) => d), "model");
  return (
    <Section title={t("usage.mine")} help={t("usage.mineHelp")}>
      <Filters choices={choices} by={by} measure={measure} range={range} set={setAddress} />
      <Sums by={by} range={range} />
      <SeriesView whose="mine" by={by} measure={measure} range={range} />
    </Section>
  );
}

/** Of all days; nothing until they are known, for the chart below tells why. */
function Sums({ by, range }: { by: Dimension; range: Range }) {
  const { data } = useSeries("mine", by, range);
  if (!data) return null;
  return (
    <Figures>
      <Figure name={t("usage.charge")}><Credits amount={total(data, "charge")} unit={false} /></Figure>
      <Figure name={t("usage.tokens")}><Count n={total(data, "tokens")} /></Figure>
      <Figure name={t("usage.calls")}><Count n={total(data, "calls")} /></Figure>
    </Figures>
  );
}
