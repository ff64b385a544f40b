import { useAddress } from "@/components/address";
import { Button } from "@/components/Button";
import { Page } from "@/components/Page";
import { SaveButton } from "@/components/SaveButton";
import { Tabs } from "@/components/Tabs";
import { t } from "@/messages";
import { useSession } from "@/session";
import { type Dimension, dimensions, type Measure, type Range, rangeQuery, shownBy } from "./data";
import { Filters } from "./Filters";
import { GrantDialog, Ledger } from "./Ledger";
import { Money } from "./Money";
import { SeriesView } from "./SeriesView";

/** Usage and credits of the organisation. The address has the view, the range and what is shown. */
export default function UsagePage() {
  const [address, setAddress] = useAddress();
  const { can } = useSession();
  const { by, measure, range } = shownBy(address, dimensions, "model");
  const ledger = address.tab === "ledger";
  return (
    <Page
      title={t("usage.title")}
      fixed={ledger}
      actions={
        <>
          {can("usage.export") && !ledger && <SaveButton path={`/api/v1/usage/export?${rangeQuery(by, range)}`}>{t("usage.csv")}</SaveButton>}
          {can("credits.export") && ledger && <SaveButton path="/api/v1/credits/ledger/export">{t("usage.ledgerCsv")}</SaveButton>}
          {can("credits.grant") && <Button look="primary" onClick={() => setAddress({ grant: "1" }, "push")}>{t("usage.grant")}</Button>}
        </>
      }
      bar={
        <Tabs
          label={t("usage.views")} chosen={address.tab ?? ""} tabs={[["", t("usage.tabUsage")], ["ledger", t("usage.tabLedger")]]}
          onChoose={(tab) => setAddress({ tab: tab || undefined })}
        />
      }
    >
      {ledger ? <Ledger /> : <Overview by={by} measure={measure} range={range} set={setAddress} />}
      <GrantDialog open={!!address.grant} onClose={() => setAddress({ grant: undefined })} />
    </Page>
  );
}

function Overview({ by, measure, range, set }: { by: Dimension; measure: Measure; range: Range; set: (changed: Record<string, string>) => void }) {
  return (
    <div className="flex flex-col gap-4 p-4">
      <Money />
      <Filters choices={dimensions.map((d) => [d, t(`usage.${d}`)])} by={by} measure={measure} range={range} set={set} />
      <SeriesView whose="all" by={by} measure={measure} range={range} />
    </div>
  );
}
