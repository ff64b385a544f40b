import { useId, useState } from "react";
import type { Model } from "@/api/models";
import { Button } from "@/components/Button";
import { Checkbox, Field, Input, Select } from "@/components/Form";
import { t } from "@/messages";

type Route = NonNullable<Model["routes"]>[number];

interface Row {
  key: number;
  route: Partial<Route>;
}

/** Fields of the ways to serve a model, and of who stands in for it; readRouting reads them. */
export function RoutingFields({ model, providers }: { model: Model | undefined; providers: string[] }) {
  const [rows, setRows] = useState<Row[]>(() => (model?.routes ?? []).map((route, key) => ({ key, route })));
  const id = useId();
  return (
    <fieldset className="flex flex-col gap-3 border-t border-line pt-4" aria-describedby={`${id}-help`}>
      <legend className="font-semibold">{t("models.routing")}</legend>
      <p id={`${id}-help`} className="text-sm text-muted">{t("models.routingHelp")}</p>
      <Field label={t("models.weight")} help={t("models.weightHelp")}><Input name="weight" type="number" min={0} max={1_000_000} defaultValue={model?.weight ?? 0} /></Field>
      {rows.map(({ key, route }, n) => (
        <div key={key} role="group" aria-label={t("models.routeN", { n: n + 1 })} className="grid gap-2 rounded-md border border-line p-3 sm:grid-cols-2">
          <Field label={t("models.provider")}>
            <Select name="route_provider" defaultValue={route.provider}>{providers.map((p) => <option key={p}>{p}</option>)}</Select>
          </Field>
          <Field label={t("models.target")} optional><Input name="route_target" defaultValue={route.target} /></Field>
          <Field label={t("models.weight")}><Input name="route_weight" type="number" min={0} max={1_000_000} defaultValue={route.weight ?? 0} /></Field>
          <Field label={t("models.routeInput")} optional><Input name="route_input" inputMode="decimal" defaultValue={ownPrice(model, route)?.input} /></Field>
          <Field label={t("models.routeOutput")} optional><Input name="route_output" inputMode="decimal" defaultValue={ownPrice(model, route)?.output} /></Field>
          <input type="hidden" name="route_price" value={JSON.stringify(ownPrice(model, route) ?? {})} />
          <div className="self-end"><Button onClick={() => setRows(rows.filter((r) => r.key !== key))}>{t("models.removeRoute")}</Button></div>
        </div>
      ))}
      <div><Button onClick={() => setRows([...rows, { key: Math.max(-1, ...rows.map((r) => r.key)) + 1, route: {} }])}>{t("models.addRoute")}</Button></div>
      <Field label={t("models.fallbacks")} help={t("models.fallbacksHelp")} optional><Input name="fallbacks" defaultValue={model?.fallbacks?.join(", ")} /></Field>
      <Field label={t("models.retries")} help={t("models.retriesHelp")} optional><Input name="retries" type="number" min={0} max={5} defaultValue={model?.retries} /></Field>
      <Checkbox name="loose" label={t("models.loose")} help={t("models.looseHelp")} defaultChecked={model?.loose ?? false} />
    </fieldset>
  );
}

/** The price of a route, unless it is the model's. */
function ownPrice(model: Model | undefined, route: Partial<Route>) {
  const { price } = route;
  return price && (price.input !== model?.price.input || price.output !== model.price.output) ? price : undefined;
}

/** What the fields say. A route without a price has the model's; one whose price was left as it is keeps all of it. */
export function readRouting(of: FormData): Pick<Model, "weight" | "routes" | "fallbacks" | "retries" | "loose"> {
  const all = (name: string) => of.getAll(name).map((v) => String(v).trim());
  const [targets, weights, inputs, outputs] = [all("route_target"), all("route_weight"), all("route_input"), all("route_output")];
  const before = all("route_price").map((text) => JSON.parse(text) as Partial<NonNullable<Route["price"]>>);
  const routes = all("route_provider").map((provider, n): Route => {
    const [input, output, was] = [inputs[n], outputs[n], before[n]];
    const price = was?.input === input && was?.output === output ? was : { input, output };
    return { provider, target: targets[n] ?? "", weight: Number(weights[n]), ...(input && output ? { price: price as NonNullable<Route["price"]> } : {}) };
  });
  const retries = String(of.get("retries") ?? "").trim();
  return {
    weight: Number(of.get("weight")), routes, loose: of.has("loose"),
    fallbacks: String(of.get("fallbacks") ?? "").split(",").map((id) => id.trim()).filter(Boolean),
    ...(retries ? { retries: Number(retries) } : {}),
  };
}

/** The ways of a model in words, for one that is read-only here. */
export function routingText({ routes, fallbacks }: Model): string {
  const ways = (routes ?? []).map((r) => `${r.provider}/${r.target}${r.weight ? ` (${r.weight})` : ""}`);
  return [...ways, ...(fallbacks ?? []).map((id) => t("models.fallbackTo", { id }))].join(", ");
}
