import { useAddress } from "@/components/address";
import { Button } from "@/components/Button";
import { Page } from "@/components/Page";
import { Tabs } from "@/components/Tabs";
import { t } from "@/messages";
import { useSession } from "@/session";
import { Budgets, NewBudget } from "./Budgets";
import { LimitDrawer, LimitTable } from "./Limits";
import { UserView } from "./UserView";

/** Rate limits and budgets with their present use. The address has the view and the open drawer. */
export default function Limits() {
  const [address, setAddress] = useAddress();
  const { can } = useSession();
  const tab = address.tab ?? "";
  const close = () => setAddress({ limit: undefined, add: undefined });
  const may = can(tab === "budgets" ? "budgets.set" : "policies.set");
  return (
    <Page
      title={t("limits.title")}
      fixed
      actions={may && tab !== "user" && (
        <Button look="primary" data-shortcut="new" onClick={() => setAddress({ add: "1" }, "push")}>{t(tab === "budgets" ? "limits.addBudget" : "limits.add")}</Button>
      )}
      bar={
        <Tabs
          label={t("limits.views")} chosen={tab}
          tabs={[["", t("limits.tabLimits")], ["budgets", t("limits.tabBudgets")], ["user", t("limits.tabUser")]]}
          onChoose={(next) => setAddress({ tab: next || undefined, limit: undefined, add: undefined })}
        />
      }
    >
      {tab === "" && <LimitTable open={address.limit} onOpen={(limit) => setAddress({ limit }, "push")} />}
      {tab === "" && <LimitDrawer id={address.limit} adding={!!address.add} onClose={close} />}
      {tab === "budgets" && <Budgets />}
      {tab === "budgets" && <NewBudget open={!!address.add} onClose={close} />}
      {tab === "user" && <UserView id={address.user} onChoose={(user) => setAddress({ user })} />}
    </Page>
  );
}
