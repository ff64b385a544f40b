import { useQuery } from "@tanstack/react-query";
import { api, ask, call } from "@/api/client";
import { modelsKey } from "@/api/models";
import type { components } from "@/api/schema";
import { useChange } from "@/api/useChange";

export type Provider = components["schemas"]["ProviderView"];
export type ModelTest = components["schemas"]["ModelTestView"];
export type Probe = components["schemas"]["ProbeView"];
export type Offers = components["schemas"]["OffersView"];
export type Offer = components["schemas"]["OfferView"];
export type Health = components["schemas"]["HealthView"];
export type TargetHealth = components["schemas"]["TargetHealthView"];
export type ModelGroup = components["schemas"]["ModelGroupView"];
export type Rules = components["schemas"]["ModelRules"];

export const providersKey = ["providers"];

export const useProviders = () => useQuery({ queryKey: providersKey, queryFn: () => call<Provider[]>("GET", "/api/v1/providers") });
/** How a test of a provider ended, and when. */
export interface Tested {
  at: string;
  ok: boolean;
  failed?: string;
}

const testsRead = 200;

/** The last test of each provider that is among the newest of the trail, for those who may read it. */
export function useTests(may: boolean) {
  return useQuery({
    queryKey: [...providersKey, "tests"],
    enabled: may,
    queryFn: async () => {
      const page = await ask(api.GET("/api/v1/audit/records", { params: { query: { action: "providers.test", limit: testsRead } } }));
      const tests = new Map<string, Tested>();
      for (const { record } of (page.records ?? []) as { record: { time: string; resource?: string; change?: { ok?: boolean; failed?: string } } }[]) {
        const name = record.resource?.replace(/^provider\//, "");
        if (name && !tests.has(name) && record.change?.ok !== undefined) tests.set(name, { at: record.time, ok: record.change.ok, failed: record.change.failed ?? "" });
      }
      return tests;
    },
  });
}

export const useRules = () => useQuery({ queryKey: [...modelsKey, "rules"], queryFn: () => call<Rules>("GET", "/api/v1/models/rules") });

export const useModelGroups = () => useQuery({ queryKey: [...modelsKey, "groups"], queryFn: () => call<ModelGroup[]>("GET", "/api/v1/model-groups") });
/** Read anew now and then: it moves with every call. */
export const useHealth = (may: boolean) =>
  useQuery({ queryKey: [...providersKey, "health"], enabled: may, refetchInterval: 30_000, queryFn: () => call<Health>("GET", "/api/v1/providers/health") });
export const useOffers = (provider: string, may: boolean) =>
  useQuery({ queryKey: [...providersKey, provider, "offers"], enabled: may, queryFn: () => call<Offers>("GET", `/api/v1/providers/${encodeURIComponent(provider)}/models`) });

export const useModelChange = <Input, Output>(change: (input: Input) => Promise<Output>) => useChange(change, modelsKey, providersKey);

const of = (id: string) => `?model=${encodeURIComponent(id)}`;

export const setAccess = ({ id, enabled }: { id: string; enabled: boolean }) => call("PUT", `/api/v1/models/access${of(id)}`, { enabled });
export const setDefault = (model: string) => call("PUT", "/api/v1/models/default", { model });
export const setRules = (rules: Rules) => call("PUT", "/api/v1/models/rules", rules);
export const saveModel = (model: object) => call("POST", "/api/v1/models", model);
export const deleteModel = (id: string) => call("DELETE", `/api/v1/models${of(id)}`);
export const testModel = (id: string) => call<ModelTest>("POST", `/api/v1/models/test${of(id)}`);
export const addAlias = ({ id, name }: { id: string; name: string }) => call("POST", `/api/v1/models/aliases${of(id)}`, { name });
export const removeAlias = ({ id, name }: { id: string; name: string }) => call("DELETE", `/api/v1/models/aliases${of(id)}&name=${encodeURIComponent(name)}`);
export const renameModel = ({ id, name }: { id: string; name: string }) => call("PUT", `/api/v1/models/name${of(id)}`, { name });
export const saveModelGroup = ({ name, ...group }: ModelGroup) => call("PUT", `/api/v1/model-groups/${encodeURIComponent(name)}`, group);
export const deleteModelGroup = (name: string) => call("DELETE", `/api/v1/model-groups/${encodeURIComponent(name)}`);
export const refreshOffers = (provider: string) => call<Offers>("POST", `/api/v1/providers/${encodeURIComponent(provider)}/models/refresh`);
export const addOffered = ({ provider, target }: { provider: string; target: string }) => call("POST", `/api/v1/providers/${encodeURIComponent(provider)}/models`, { target });
export const saveProvider = (provider: object) => call("POST", "/api/v1/providers", provider);
export const deleteProvider = (name: string) => call("DELETE", `/api/v1/providers/${encodeURIComponent(name)}`);
export const testProvider = (name: string) => call<Probe>("POST", `/api/v1/providers/${encodeURIComponent(name)}/test`);

/** What a model can be known to do, in the order in which it is shown. */
export const abilities = ["tools", "images", "documents", "audio", "reasoning", "structured_output", "streaming"] as const;
export const modelTypes = ["chat", "embedding", "transcription"] as const;

/** The types that can be added here, and whether each needs an address of its own. */
export const providerTypes = ["openai", "anthropic", "azure", "bedrock", "deepseek", "gemini", "gemini-openai", "groq", "mistral", "openrouter", "together", "vertex", "xai"];
