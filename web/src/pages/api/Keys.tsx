import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useAddress } from "@/components/address";
import { Button } from "@/components/Button";
import { Chip, type Tone } from "@/components/Chip";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { Section } from "@/components/Section";
import { Empty, States } from "@/components/States";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { useSession } from "@/session";
import { type Key, type KeyState, keysQuery, revokeKey, stateOf } from "./keys";
import { NewKeyDialog } from "./NewKeyDialog";

/** The person's own keys, newest first. */
export function Keys() {
  const { user } = useSession();
  const [{ new: making }, setAddress] = useAddress();
  const query = useQuery({ ...keysQuery, select: (keys) => keys.filter((k) => k.user_id === user.id).sort((a, b) => b.created_at.localeCompare(a.created_at)) });
  const create = () => setAddress({ new: "key" });
  return (
    <Section
      title={t("api.keys")}
      help={t("api.keysHelp")}
      actions={
        <Button look="primary" data-shortcut="new" onClick={create}>
          {t("api.create")}
        </Button>
      }
    >
      <States query={query} isEmpty={(keys) => keys.length === 0} empty={<Empty title={t("api.none")}>{t("api.noneWhy")}</Empty>}>
        {(keys) => <KeyTable keys={keys} />}
      </States>
      <NewKeyDialog open={making === "key"} onClose={() => setAddress({ new: undefined })} />
    </Section>
  );
}

const tones: Record<KeyState, Tone> = { active: "ok", expired: "warn", revoked: "neutral" };

function KeyTable({ keys }: { keys: Key[] }) {
  const [revoking, setRevoking] = useState<Key>();
  const queries = useQueryClient();
  return (
    <>
      <div className="overflow-x-auto" tabIndex={0} role="group" aria-label={t("api.keys")}>
        <table className="w-full text-sm">
          <thead className="text-start text-muted">
            <tr className="border-b border-line">
              {[t("api.name"), t("api.prefix"), t("api.created"), t("api.used"), t("api.expires"), t("api.state")].map((head) => (
                <th key={head} scope="col" className="h-9 pe-4 text-start font-medium">
                  {head}
                </th>
              ))}
              <th scope="col">
                <span className="sr-only">{t("common.actions")}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {keys.map((key) => {
              const state = stateOf(key, new Date());
              return (
                <tr key={key.id} className="border-b border-line last:border-0">
                  <th scope="row" className="h-9 max-w-48 truncate pe-4 text-start font-medium">{key.name}</th>
                  <td className="pe-4 font-mono">{key.prefix}…</td>
                  <td className="pe-4"><Time at={key.created_at} /></td>
                  <td className="pe-4"><Time at={key.used_at} /></td>
                  <td className="pe-4"><Time at={key.expires_at} /></td>
                  <td className="pe-4"><Chip tone={tones[state]}>{t(`api.${state}`)}</Chip></td>
                  <td className="text-end">
                    {state === "active" && (
                      <Button size="small" look="quiet" aria-label={`${t("api.revoke")} ${key.name}`} onClick={() => setRevoking(key)}>
                        {t("api.revoke")}
                      </Button>
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <ConfirmDialog
        open={!!revoking}
        title={t("api.revokeTitle", { name: revoking?.name ?? "" })}
        description={t("api.revokeWhy")}
        act={t("api.revoke")}
        onClose={() => setRevoking(undefined)}
        onConfirm={async () => {
          if (revoking) await revokeKey(revoking.id);
          await queries.invalidateQueries({ queryKey: keysQuery.queryKey });
        }}
      />
    </>
  );
}
