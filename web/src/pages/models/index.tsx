import { useAddress } from "@/components/address";
import { Button } from "@/components/Button";
import { Tabs } from "@/components/Tabs";
import { Page } from "@/components/Page";
import { t } from "@/messages";
import { useSession } from "@/session";
import { ModelDrawer, NewModel } from "./ModelDrawer";
import { ModelGroupDrawer, ModelGroups } from "./ModelGroups";
import { ModelTable } from "./ModelTable";
import { ProviderDrawer, Providers } from "./Providers";

const adding = {
  models: { right: "models.save", act: "models.add" },
  providers: { right: "providers.save", act: "models.addProvider" },
  groups: { right: "model_groups.save", act: "models.addGroup" },
} as const;

/** Administration of models, their groups and providers. The address has the tab and the open drawer. */
export default function Models() {
  const [address, setAddress] = useAddress();
  const { can } = useSession();
  const tab = address.tab === "providers" || address.tab === "groups" ? address.tab : "models";
  const { right, act } = adding[tab];
  const close = () => setAddress({ model: undefined, provider: undefined, group: undefined, add: undefined });
  return (
    <Page
      title={t("models.title")}
      fixed
      actions={can(right) && <Button look="primary" data-shortcut="new" onClick={() => setAddress({ add: "1" }, "push")}>{t(act)}</Button>}
      bar={
        <Tabs
          label={t("models.views")}
          tabs={[["models", t("models.tabModels")], ["groups", t("models.tabGroups")], ["providers", t("models.tabProviders")]]}
          chosen={tab}
          onChoose={(next) => setAddress({ tab: next === "models" ? undefined : next, add: undefined, model: undefined, provider: undefined, group: undefined })}
        />
      }
    >
      {tab === "models" && <ModelTable open={address.model} onOpen={(model) => setAddress({ model }, "push")} />}
      {tab === "models" && <ModelDrawer id={address.model} onClose={close} />}
      {tab === "models" && <NewModel open={!!address.add} onClose={close} />}
      {tab === "groups" && <ModelGroups onOpen={(group) => setAddress({ group }, "push")} />}
      {tab === "groups" && <ModelGroupDrawer name={address.group} adding={!!address.add} onClose={close} />}
      {tab === "providers" && <Providers onOpen={(provider) => setAddress({ provider }, "push")} />}
      {tab === "providers" && <ProviderDrawer name={address.provider} adding={!!address.add} onClose={close} />}
    </Page>
  );
}
