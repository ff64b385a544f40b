import { useQueryClient } from "@tanstack/react-query";
import { WifiOff } from "lucide-react";
import { useEffect } from "react";
import { onReturn, useConnection } from "@/connection";
import { locale, t } from "@/messages";

const clock = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });

/** Says that the server is gone, and from when the page is. When it is back, all is read anew. */
export function Offline() {
  const { lost, heard } = useConnection();
  const queries = useQueryClient();
  useEffect(() => onReturn(() => void queries.invalidateQueries()), [queries]);
  return (
    <div role="status">
      {lost && (
        <p className="flex items-center justify-center gap-2 bg-warn-soft px-4 py-1.5 text-text">
          <WifiOff aria-hidden className="size-4 shrink-0" />
          {heard ? t("shell.offlineSince", { time: clock.format(heard) }) : t("shell.offline")}
        </p>
      )}
    </div>
  );
}
