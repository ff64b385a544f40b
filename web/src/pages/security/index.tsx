import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { toast } from "sonner";
import { api, ask } from "@/api/client";
import { Button } from "@/components/Button";
import { Chip } from "@/components/Chip";
import { Field, Form, FormError, Input } from "@/components/Form";
import { States } from "@/components/States";
import { relativeTime, Time } from "@/components/Time";
import { t } from "@/messages";
import { type Session, useSession, useSessionState } from "@/session";
import { browserOf } from "./browser";

/** The person's own password and sessions. */
export default function Security() {
  return (
    <>
      <h2 className="text-lg font-semibold">{t("security.title")}</h2>
      <Password />
      <Sessions />
    </>
  );
}

function Password() {
  const { user } = useSession();
  const { renewed } = useSessionState();
  const queries = useQueryClient();
  const [current, setCurrent] = useState("");
  const [chosen, setChosen] = useState("");
  const change = async () => {
    const session = await ask(api.PUT("/api/v1/password", { body: { current, new: chosen } }));
    renewed(session as Session);
    setCurrent("");
    setChosen("");
    await queries.invalidateQueries({ queryKey: ["sessions"] });
    toast.success(t("security.changed"));
  };
  return (
    <section aria-labelledby="password" className="flex flex-col gap-3">
      <h3 id="password" className="font-semibold">{t("security.password")}</h3>
      <Form submit={t("security.change")} onSubmit={change} className="max-w-sm">
        <input type="hidden" name="username" autoComplete="username" value={user.email} readOnly />
        <Field label={t("security.current")}>
          <Input type="password" required autoComplete="current-password" value={current} onChange={(e) => setCurrent(e.target.value)} />
        </Field>
        <Field label={t("security.chosen")} help={t("security.chosenHelp")}>
          <Input type="password" required minLength={12} autoComplete="new-password" value={chosen} onChange={(e) => setChosen(e.target.value)} />
        </Field>
      </Form>
    </section>
  );
}

function Sessions() {
  const queries = useQueryClient();
  const query = useQuery({ queryKey: ["sessions"], queryFn: () => ask(api.GET("/api/v1/sessions")) });
  const [error, setError] = useState<unknown>(null);
  const end = async (id: string) => {
    setError(null);
    try {
      await ask(api.DELETE("/api/v1/sessions/{id}", { params: { path: { id } } }));
      toast.success(t("security.ended"));
    } catch (failure) {
      setError(failure);
    }
    await queries.invalidateQueries({ queryKey: ["sessions"] });
  };
  return (
    <section aria-labelledby="sessions" className="flex flex-col gap-3">
      <h3 id="sessions" className="font-semibold">{t("security.sessions")}</h3>
      <p className="text-muted">{t("security.sessionsWhy")}</p>
      <FormError error={error} />
      <States query={query}>
        {(sessions) => (
          <ul className="flex flex-col divide-y divide-line rounded-md border border-line">
            {(sessions ?? []).map((one) => (
              <li key={one.id} className="flex flex-wrap items-center gap-3 p-3">
                <div className="min-w-0 flex-1">
                  <p className="truncate" title={one.user_agent}>{agentText(one.user_agent)}</p>
                  <p className="text-sm text-muted">
                    {t("security.from")} {one.address} · {t("security.begun")} <Time at={one.created_at} /> · {t("security.seen")} <Time at={one.seen_at} />
                  </p>
                </div>
                {one.current ? (
                  <Chip tone="ok">{t("security.current_session")}</Chip>
                ) : (
                  <Button
                    aria-label={t("security.endOf", { address: one.address, seen: relativeTime(new Date(one.seen_at), new Date()) })}
                    onClick={() => void end(one.id)}
                  >
                    {t("security.end")}
                  </Button>
                )}
              </li>
            ))}
          </ul>
        )}
      </States>
    </section>
  );
}

/** In words where they are known; the whole of it is the element's title. */
function agentText(agent: string): string {
  const known = browserOf(agent);
  return known ? t("security.browserOn", known) : agent;
}
