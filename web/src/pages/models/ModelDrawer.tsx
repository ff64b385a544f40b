import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { type Model, useModels } from "@/api/models";
import { Count, creditText } from "@/components/Amount";
import { Button } from "@/components/Button";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { CopyButton } from "@/components/CopyButton";
import { Drawer } from "@/components/Drawer";
import { Checkbox, Field, Form, FormError, Input, Select } from "@/components/Form";
import { Empty, States } from "@/components/States";
import { t } from "@/messages";
import { useSession } from "@/session";
import { abilities, addAlias, deleteModel, type ModelTest, modelTypes, removeAlias, renameModel, saveModel, setAccess, testModel, useModelChange, useProviders } from "./data";
import { abilityText, managedBy, rate, State } from "./ModelTable";
import { readRouting, RoutingFields, routingText } from "./Routing";

export function ModelDrawer({ id, onClose }: { id: string | undefined; onClose: () => void }) {
  const query = useModels();
  return (
    <Drawer title={id ?? ""} open={id !== undefined} onClose={onClose}>
      <States query={query}>
        {(all) => {
          const model = all.find((m) => m.id === id);
          return model ? <Details key={model.id} model={model} onClose={onClose} /> : <Empty title={t("models.noModels")} />;
        }}
      </States>
    </Drawer>
  );
}

function Details({ model, onClose }: { model: Model; onClose: () => void }) {
  const { can } = useSession();
  const access = useModelChange(setAccess);
  const remove = useModelChange(deleteModel);
  const [asking, setAsking] = useState(false);
  const own = model.managed_by === "organisation";
  return (
    <div className="flex flex-col gap-4">
      {!own && <p className="rounded-md bg-sunken p-3 text-muted">{t("common.managedByFile")}</p>}
      <Facts model={model} />
      <FormError error={access.error} />
      <div className="flex flex-wrap gap-2">
        {can("models.access") && (
          <Button busy={access.isPending} onClick={() => access.mutate({ id: model.id, enabled: !model.enabled })}>
            {t(model.enabled ? "models.switchOff" : "models.switchOn")}
          </Button>
        )}
        {own && can("models.delete") && <Button onClick={() => setAsking(true)}>{t("models.remove")}</Button>}
      </div>
      {can("models.rename") && <Names model={model} />}
      {can("models.test") && <TestCall id={model.id} />}
      {own && can("models.save") && <ModelForm model={model} onDone={onClose} />}
      <ConfirmDialog
        title={t("models.removeModel", { name: model.display_name })} description={t("models.removeWhy")} act={t("models.remove")}
        open={asking} onClose={() => setAsking(false)} onConfirm={() => remove.mutateAsync(model.id).then(onClose)}
      />
    </div>
  );
}

function Facts({ model }: { model: Model }) {
  const price = (of: string | undefined) => (of === undefined ? "—" : rate(model, of));
  const facts: [string, ReactNode][] = [
    [t("models.displayName"), model.display_name],
    [t("models.id"), <span key="id" className="flex items-center gap-1"><code className="break-all">{model.id}</code><CopyButton text={model.id} what={t("models.id")} /></span>],
    [t("models.state"), <State key="state" model={model} />],
    [t("models.type"), t(`models.type_${model.type ?? "chat"}`)],
    [t("models.abilities"), abilityText(model.abilities, model.offline) || "—"],
    [t("models.tabGroups"), model.groups?.join(", ") || "—"],
    [t("models.provider"), model.provider],
    [t("models.target"), model.target],
    [t("models.routing"), routingText(model) || "—"],
    [t("models.window"), model.context_window ? <Count key="w" n={model.context_window} /> : "—"],
    [t("models.output"), model.output_max ? <Count key="o" n={model.output_max} /> : "—"],
    [`${t("models.input")}: ${t("models.perMillion").toLowerCase()}`, price(model.price.input)],
    [t("models.outputPrice"), price(model.price.output)],
    [t("models.cached"), price(model.price.cached_input)],
    [t("models.cacheWrite"), price(model.price.cache_write)],
    [t("models.reasoning"), price(model.price.reasoning ?? model.price.output)],
    ...(model.price.minute ? [[t("models.minute"), price(model.price.minute)] satisfies [string, ReactNode]] : []),
    [t("models.priceVersion"), <code key="v" className="break-all">{model.price.version ?? "—"}</code>],
    [t("models.facts"), <Source key="source" model={model} />],
    [t("models.managed"), managedBy(model.managed_by)],
  ];
  return (
    <dl className="grid grid-cols-[minmax(120px,auto)_1fr] gap-x-4 gap-y-1.5">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="min-w-0">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Of which day prices and abilities are, and from where. */
function Source({ model }: { model: Model }) {
  if (!model.facts_at) return <>{t("models.factsByHand")}</>;
  const from = model.facts_source ?? "";
  if (!from.startsWith("https://")) return <>{t("models.factsOf", { date: model.facts_at, from: t("models.factsList") })}</>;
  return (
    <>
      {t("models.factsOf", { date: model.facts_at, from: "" })}
      <a href={from} target="_blank" rel="noreferrer" className="break-all text-accent-text underline">{new URL(from).hostname}</a>
    </>
  );
}

/** The names by which calls can ask for the model. */
function Names({ model }: { model: Model }) {
  const rename = useModelChange(renameModel);
  const add = useModelChange(addAlias);
  const remove = useModelChange(removeAlias);
  const { id } = model;
  const nameOf = (form: HTMLFormElement) => String(new FormData(form).get("name")).trim();
  const others: [string, string][] = [...(model.aliases ?? []).map((n): [string, string] => [n, t("models.alias")]), ...(model.former_names ?? []).map((n): [string, string] => [n, t("models.former")])];
  return (
    <section aria-label={t("models.names")} className="flex flex-col gap-3 border-t border-line pt-4">
      <h3 className="font-semibold">{t("models.names")}</h3>
      <Form key={model.name} submit={t("models.rename")} className="gap-2" onSubmit={async (form) => void (await rename.mutateAsync({ id, name: nameOf(form) }))}>
        <Field label={t("models.listedAs")} help={t("models.renameHelp", { id })}><Input name="name" required maxLength={200} pattern="[!-~]+" defaultValue={model.name} /></Field>
      </Form>
      {others.length > 0 && (
        <ul aria-label={t("models.aliases")} className="flex flex-col gap-1">
          {others.map(([name, kind]) => (
            <li key={name} className="flex items-center gap-2">
              <code className="min-w-0 break-all">{name}</code>
              <span className="text-sm text-muted">{kind}</span>
              <Button className="ms-auto" aria-label={t("models.removeName", { name })} busy={remove.isPending} onClick={() => remove.mutate({ id, name })}>{t("models.remove")}</Button>
            </li>
          ))}
        </ul>
      )}
      <FormError error={remove.error} />
      <Form
        submit={t("models.addAlias")} className="gap-2"
        onSubmit={async (form) => {
          await add.mutateAsync({ id, name: nameOf(form) });
          form.reset();
        }}
      >
        <Field label={t("models.newAlias")} help={t("models.aliasHelp")}><Input name="name" required maxLength={200} pattern="[!-~]+" /></Field>
      </Form>
    </section>
  );
}

function TestCall({ id }: { id: string }) {
  const test = useMutation({ mutationFn: () => testModel(id) });
  return (
    <section className="flex flex-col gap-2 border-t border-line pt-4">
      <div className="flex flex-wrap items-center gap-2">
        <Button busy={test.isPending} onClick={() => test.mutate()}>{t("models.testModel")}</Button>
        <span className="text-sm text-muted">{t("models.testCost")}</span>
      </div>
      <FormError error={test.error} />
      {test.data && <TestResult result={test.data} />}
    </section>
  );
}

export function Verdict({ ok, failed, children }: { ok: boolean; failed: string | undefined; children: ReactNode }) {
  return (
    <div role="status" className={ok ? "rounded-md bg-ok-soft p-3" : "rounded-md bg-bad-soft p-3"}>
      <p className="font-medium">{ok ? t("models.testOK") : t("models.testFailed", { step: failed ?? "—" })}</p>
      {children}
    </div>
  );
}

function TestResult({ result }: { result: ModelTest }) {
  return (
    <Verdict ok={result.ok} failed={result.failed}>
      <p>{result.message}</p>
      {result.answer && <p>{t("models.testAnswer", { answer: result.answer })}</p>}
      <p className="text-sm">{t("models.testSpent", { ms: result.ms, tokens: result.tokens, credits: creditText(result.charge ?? "0") })}</p>
    </Verdict>
  );
}

export function NewModel({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Drawer title={t("models.add")} open={open} onClose={onClose}>
      {open && <ModelForm onDone={onClose} />}
    </Drawer>
  );
}

/** Fields of a model of the organisation's own. There is no form before the providers to choose from have come: it would be saved with others, or none. */
function ModelForm({ model, onDone }: { model?: Model; onDone: () => void }) {
  const query = useProviders();
  return (
    <States query={query}>
      {(all) => {
        const own = all.filter((p) => p.managed_by === "organisation").map((p) => p.name);
        return own.length > 0 ? <Fields model={model} providers={own} onDone={onDone} /> : <Empty title={t("models.emptyProviders")}>{t("models.emptyProvidersHelp")}</Empty>;
      }}
    </States>
  );
}

function Fields({ model, providers, onDone }: { model: Model | undefined; providers: string[]; onDone: () => void }) {
  const save = useModelChange(saveModel);
  const known = model?.price.unknown ? undefined : model?.price; // a price that nobody knows is typed, not guessed
  const submit = async (form: HTMLFormElement) => {
    const of = new FormData(form);
    const text = (name: string) => String(of.get(name) ?? "").trim();
    await save.mutateAsync({
      id: model?.id ?? text("id"), display_name: text("display_name"), provider: text("provider"), target: text("target"),
      context_window: Number(text("context_window")), output_max: Number(text("output_max")),
      ...readRouting(of), type: text("type"), abilities: abilities.filter((a) => of.has(a)),
      price: {
        input: text("input"), output: text("output"),
        ...Object.fromEntries((["cached_input", "cache_write", "reasoning", "minute"] as const).map((kind) => [kind, text(kind)]).filter(([, price]) => price)),
      },
    });
    onDone();
  };
  return (
    <Form submit={t("common.save")} onSubmit={submit} className="border-t border-line pt-4 first:border-0 first:pt-0">
      {!model && <Field label={t("models.id")}><Input name="id" required maxLength={200} /></Field>}
      <Field label={t("models.displayName")} optional><Input name="display_name" defaultValue={model?.display_name} maxLength={200} /></Field>
      <Field label={t("models.provider")}>
        <Select name="provider" defaultValue={model?.provider}>{providers.map((p) => <option key={p}>{p}</option>)}</Select>
      </Field>
      <Field label={t("models.target")} help={t("models.targetHelp")}><Input name="target" required defaultValue={model?.target} /></Field>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t("models.window")} help={t("models.windowHelp")}><Input name="context_window" type="number" min={0} defaultValue={model?.context_window ?? 0} /></Field>
        <Field label={t("models.output")} help={t("models.windowHelp")}><Input name="output_max" type="number" min={0} defaultValue={model?.output_max ?? 0} /></Field>
        <Field label={t("models.input")} help={t("models.perMillion")}><Input name="input" required inputMode="decimal" defaultValue={known?.input} /></Field>
        <Field label={t("models.outputPrice")} help={t("models.perMillion")}><Input name="output" required inputMode="decimal" defaultValue={known?.output} /></Field>
        <Field label={t("models.cached")} help={t("models.cachedHelp")} optional><Input name="cached_input" inputMode="decimal" defaultValue={known?.cached_input} /></Field>
        <Field label={t("models.cacheWrite")} help={t("models.cacheWriteHelp")} optional><Input name="cache_write" inputMode="decimal" defaultValue={known?.cache_write} /></Field>
        <Field label={t("models.reasoning")} help={t("models.reasoningHelp")} optional><Input name="reasoning" inputMode="decimal" defaultValue={known?.reasoning} /></Field>
        <Field label={t("models.minute")} help={t("models.minuteHelp")} optional><Input name="minute" inputMode="decimal" defaultValue={known?.minute} /></Field>
        <Field label={t("models.type")}>
          <Select name="type" defaultValue={model?.type ?? "chat"}>{modelTypes.map((kind) => <option key={kind} value={kind}>{t(`models.type_${kind}`)}</option>)}</Select>
        </Field>
      </div>
      <fieldset className="grid gap-2 sm:grid-cols-2">
        <legend className="pb-1 font-medium">{t("models.abilities")}</legend>
        {abilities.map((a) => <Checkbox key={a} name={a} label={t(`models.can_${a}`)} defaultChecked={model?.abilities?.includes(a) ?? false} />)}
      </fieldset>
      <RoutingFields model={model} providers={providers} />
    </Form>
  );
}
