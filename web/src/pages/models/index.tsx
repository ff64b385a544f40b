import { useAddress } from "@/components/address";
import { Button } from "@/components/Button";
import { Tabs } from "@/components/Tabs";
import { Page } from "@/components/Page";
import { t } from "@/messages";
import { useSession } from "@/session";
import { ModelDrawer, NewModel } from "./ModelDrawer";
import { ModelTable } from "./ModelTable";
import { ProviderDrawer, Providers } from "./Providers";

/** Administration of models and providers. The address has the tab and the open drawer. */
export default function Models() {
  const [address, setAddress] = useAddress();
  const { can } = useSession();
  const providers = address.tab === "providers";
  const close = () => setAddress({ model: undefined, provider: undefined, add: undefined });
  return (
    <Page
      title={t("models.title")}
      fixed
      actions={
        can(providers ? "providers.save" : "models.save") && (
          <Button look="primary" data-shortcut="new" onClick={() => setAddress({ add: "1" }, "push")}>
            {t(providers ? "models.addProvider" : "models.add")}
          </Button>
        )
      }
      bar={
        <Tabs
          label={t("models.views")}
          tabs={[["", t("models.tabModels")], ["providers", t("models.tabProviders")]]}
          chosen={address.tab ?? ""}
          onChoose={(tab) => setAddress({ tab: tab || undefined, add: undefined, model: undefined, provider: undefined })}
        />
      }
    >
      {providers ? <Providers onOpen={(provider) => setAddress({ provider }, "push")} /> : <ModelTable open={address.model} onOpen={(model) => setAddress({ model }, "push")} />}
      {!providers && <ModelDrawer id={address.model} onClose={close} />}
      {!providers && <NewModel open={!!address.add} onClose={close} />}
      {providers && <ProviderDrawer name={address.provider} adding={!!address.add} onClose={close} />}
    </Page>
  );
}
