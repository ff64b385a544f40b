import { NoRight } from "@/components/States";
import { t } from "@/messages";
import { useSession } from "@/session";
import { AvailableModels } from "./AvailableModels";
import { Clients } from "./Clients";
import { Keys } from "./Keys";

/** What programs need: keys, the models that they may name, and set-ups of clients. */
export default function Api() {
  const { can } = useSession();
  if (!can("keys.create")) return <NoRight>{t("api.deniedWhy")}</NoRight>;
  return (
    <>
      <Keys />
      <AvailableModels />
      <Clients />
    </>
  );
}
