import { Drawer } from "@/components/Drawer";
import { t } from "@/messages";
import { RailLinks } from "./Rail";

/** The pages on a phone. */
export default function RailDrawer({ onClose }: { onClose: () => void }) {
  return (
    <Drawer title={t("common.product")} side="left" className="w-64" open onClose={onClose}>
      <RailLinks onChosen={onClose} />
    </Drawer>
  );
}
