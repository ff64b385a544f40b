import { useState } from "react";
import { Button } from "@/components/Button";
import { Chip } from "@/components/Chip";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { type Column, DataTable } from "@/components/DataTable";
import { Drawer } from "@/components/Drawer";
import { Field, Form, FormError, Input, Select } from "@/components/Form";
import { Empty, States } from "@/components/States";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { useSession } from "@/session";
import { deleteProvider, type Provider, providerTypes, saveProvider, type TargetHealth as TargetHealthOf, type Tested, testProvider, useHealth, useModelChange, useProviders, useTests } from "./data";
import { Verdict } from "./ModelDrawer";
import { managedBy } from "./ModelTable";
import { Offers } from "./Offers";
import { answeredText, TargetHealth } from "./TargetHealth";

const columns = (tests: Map<string, Tested> | undefined, targets: TargetHealthOf[]): Column<Provider>[] => [
  { id: "name", header: t("models.provider"), cell: (p) => p.name },
  { id: "health", header: t("models.health"), width: "minmax(150px, 1fr)", cell: (p) => (tests ? <Health test={tests.get(p.name)} /> : "—") },
  { id: "calls", header: t("models.recent"), width: "minmax(150px, 1fr)", cell: (p) => <Recent targets={targets.filter((h) => h.provider === p.name)} /> },
  { id: "type", header: t("models.type"), cell: (p) => p.type },
  { id: "address", header: t("models.address"), width: "minmax(160px, 2fr)", cell: (p) => (p.managed_by === "file" ? t("models.operatorAddress") : p.base_url || "—") },
  { id: "key", header: t("models.key"), cell: (p) => <KeyState provider={p} /> },
  { id: "managed", header: t("models.managed"), cell: (p) => managedBy(p.managed_by) },
];

/** What the last test said; how calls fare since then is in the trail. */
function Health({ test }: { test: Tested | undefined }) {
  if (!test) return <span className="text-muted">{t("models.untested")}</span>;
  return (
    <span className="flex items-center gap-2">
      <Chip tone={test.ok ? "ok" : "bad"}>{test.ok ? t("models.answered") : t("models.failedAt", { step: test.failed ?? "" })}</Chip>
      <Time at={test.at} />
    </span>
  );
}

/** How recent calls fared: with what is passed over at the moment, if anything is. */
function Recent({ targets }: { targets: TargetHealthOf[] }) {
  const open = targets.filter((h) => h.state !== "closed").length;
  return (
    <span className="flex flex-wrap items-center gap-2">
      {answeredText(targets) ?? "—"}
      {open > 0 && <Chip tone="bad">{t("models.passedOver", { n: open })}</Chip>}
    </span>
  );
}

function KeyState({ provider }: { provider: Provider }) {
  if (!provider.credential_set) return <>{t("models.keyNone")}</>;
  return <>{t("models.keySet", { when: "" })}{provider.credential_at && <Time at={provider.credential_at} />}</>;
}

export function Providers({ onOpen }: { onOpen: (name: string) => void }) {
  const { can } = useSession();
  const query = useProviders();
  const tests = useTests(can("audit.list"));
  const health = useHealth(can("providers.health"));
  return (
    <States query={query} isEmpty={(all) => all.length === 0} empty={<Empty title={t("models.emptyProviders")}>{t("models.emptyProvidersHelp")}</Empty>}>
      {(all) => <DataTable name="providers" label={t("models.tabProviders")} columns={columns(tests.data, health.data?.targets ?? [])} rows={all} rowId={(p) => p.name} total={all.length} onOpen={(p) => onOpen(p.name)} />}
    </States>
  );
}

export function ProviderDrawer({ name, adding, onClose }: { name: string | undefined; adding: boolean; onClose: () => void }) {
  const query = useProviders();
  const provider = query.data?.find((p) => p.name === name);
  return (
    <Drawer title={adding ? t("models.addProvider") : (name ?? "")} open={adding || name !== undefined} onClose={onClose}>
      {adding ? <ProviderForm onDone={onClose} /> : provider && <Details key={provider.name} provider={provider} onClose={onClose} />}
    </Drawer>
  );
}

function Details({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  const { can } = useSession();
  const test = useModelChange(testProvider);
  const remove = useModelChange(deleteProvider);
  const [asking, setAsking] = useState(false);
  const own = provider.managed_by === "organisation";
  return (
    <div className="flex flex-col gap-4">
      {!own && <p className="rounded-md bg-sunken p-3 text-muted">{t("common.managedByFile")}</p>}
      <p>{provider.type} · {t("models.key")}: <KeyState provider={provider} /></p>
      <div className="flex flex-wrap gap-2">
        {can("providers.test") && <Button busy={test.isPending} onClick={() => test.mutate(provider.name)}>{t("models.test")}</Button>}
        {own && can("providers.delete") && <Button onClick={() => setAsking(true)}>{t("models.remove")}</Button>}
      </div>
      <FormError error={test.error} />
      {test.data && (
        <Verdict ok={test.data.ok} failed={test.data.failed}>
          <p>{test.data.message}</p>
          <p className="text-sm">{t("models.testTook", { ms: test.data.ms, n: test.data.models?.length ?? 0 })}</p>
          {!!test.data.models?.length && <p className="max-h-40 overflow-auto text-sm break-words" tabIndex={0}>{test.data.models.join(", ")}</p>}
        </Verdict>
      )}
      {can("providers.health") && <TargetHealth provider={provider.name} />}
      <Offers provider={provider.name} />
      {own && can("providers.save") && <ProviderForm provider={provider} onDone={onClose} />}
      <ConfirmDialog
        title={t("models.removeProvider", { name: provider.name })} description={t("models.removeWhy")} act={t("models.remove")}
        open={asking} onClose={() => setAsking(false)} onConfirm={() => remove.mutateAsync(provider.name).then(onClose)}
      />
    </div>
  );
}

/** How long a provider is waited for, in seconds here. */
const times = [["connect_ms", "models.connectTime"], ["first_byte_ms", "models.firstByteTime"], ["idle_ms", "models.idleTime"]] as const;

/** The key goes to the server and never comes back. */
function ProviderForm({ provider, onDone }: { provider?: Provider; onDone: () => void }) {
  const save = useModelChange(saveProvider);
  const submit = async (form: HTMLFormElement) => {
    const of = new FormData(form);
    const text = (name: string) => String(of.get(name) ?? "").trim();
    const key = text("api_key");
    await save.mutateAsync({
      name: provider?.name ?? text("name"), type: text("type"), base_url: text("base_url"),
      ...Object.fromEntries(times.map(([name]) => [name, Math.round(Number(text(name)) * 1000)]).filter(([, ms]) => ms)),
      ...(key ? { api_key: key } : {}),
    });
    onDone();
  };
  return (
    <Form submit={t("common.save")} onSubmit={submit} className="border-t border-line pt-4 first:border-0 first:pt-0">
      {provider && <h3 className="font-semibold">{t("models.replaceKey")}</h3>}
      {!provider && <Field label={t("models.displayName")} help={t("models.nameRule")}><Input name="name" required pattern="[a-z0-9][a-z0-9\-]{0,62}" /></Field>}
      <Field label={t("models.type")}>
        <Select name="type" defaultValue={provider?.type ?? "openai"}>{providerTypes.map((type) => <option key={type}>{type}</option>)}</Select>
      </Field>
      <Field label={t("models.address")} help={t("models.addressHelp")} optional><Input name="base_url" defaultValue={provider?.base_url} /></Field>
      <Field label={t("models.key")} help={t(provider?.credential_set ? "models.keyKept" : "models.keyHelp")} optional>
        <Input name="api_key" type="password" autoComplete="off" />
      </Field>
      <fieldset className="grid gap-4 sm:grid-cols-3">
        <legend className="pb-1 font-medium">{t("models.times")}</legend>
        {times.map(([name, label]) => (
          <Field key={name} label={t(label)} optional><Input name={name} type="number" min={0} max={600} step="any" defaultValue={provider?.[name] ? provider[name] / 1000 : undefined} /></Field>
        ))}
      </fieldset>
    </Form>
  );
}
