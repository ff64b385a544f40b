import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "@/api/client";
import { Button } from "@/components/Button";
import { FormError } from "@/components/Form";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { useSession } from "@/session";
import { useInvites } from "./users";

/** Who is invited and has not come yet, above the table; nothing when there is nobody. */
export function OpenInvites() {
  const { can } = useSession();
  const queries = useQueryClient();
  const invites = useInvites(true);
  const [error, setError] = useState<unknown>(null);
  const takeBack = async (id: string) => {
    setError(null);
    try {
      await ask(api.DELETE("/api/v1/invites/{id}", { params: { path: { id } } }));
    } catch (failure) {
      setError(failure);
    }
    await queries.invalidateQueries({ queryKey: ["invites"] });
  };
  const failed = error ?? invites.error;
  if (!failed && !invites.data?.length) return null;
  return (
    <details className="shrink-0 border-b border-line bg-surface px-4 py-2">
      <summary className="cursor-pointer font-medium">
        {t("users.invites")} <span className="text-muted tabular">{invites.data?.length}</span>
      </summary>
      <FormError error={failed} />
      <ul className="flex max-h-60 flex-col gap-1 overflow-auto py-2">
        {invites.data?.map((i) => (
          <li key={i.id} className="flex flex-wrap items-center gap-3 text-sm">
            <span className="min-w-0 flex-1 truncate">{i.email}</span>
            <span>{t(`users.${i.role as "user"}`)}</span>
            <span className="text-muted">{t("users.expires")} <Time at={i.expires_at} /></span>
            {can("invites.delete") && (
              <Button size="small" aria-label={t("users.takeBackFor", { email: i.email })} onClick={() => void takeBack(i.id)}>
                {t("users.takeBack")}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}
