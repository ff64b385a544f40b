import { useQuery } from "@tanstack/react-query";
import { api, ask, call } from "@/api/client";
import { modelsKey } from "@/api/models";
import type { components } from "@/api/schema";
import { useChange } from "@/api/useChange";

export type Provider = components["schemas"]["ProviderView"];
export type ModelTest = components["schemas"]["ModelTestView"];
export type Probe = components["schemas"]["ProbeView"];
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

export const useModelChange = <Input, Output>(change: (input: Input) => Promise<Output>) => useChange(change, modelsKey, providersKey);

const of = (id: string) => `?model=${encodeURIComponent(id)}`;

export const setAccess = ({ id, enabled }: { id: string; enabled: boolean }) => call("PUT", `/api/v1/models/access${of(id)}`, { enabled });
export const setDefault = (model: string) => call("PUT", "/api/v1/models/default", { model });
export const setRules = (rules: Rules) => call("PUT", "/api/v1/models/rules", rules);
export const saveModel = (model: object) => call("POST", "/api/v1/models", model);
export const deleteModel = (id: string) => call("DELETE", `/api/v1/models${of(id)}`);
export const testModel = (id: string) => call<ModelTest>("POST", `/api/v1/models/test${of(id)}`);
export const saveProvider = (provider: object) => call("POST", "/api/v1/providers", provider);
export const deleteProvider = (name: string) => call("DELETE", `/api/v1/providers/${encodeURIComponent(name)}`);
export const testProvider = (name: string) => call<Probe>("POST", `/api/v1/providers/${encodeURIComponent(name)}/test`);

/** The types that can be added here, and whether each needs an address of its own. */
export const providerTypes = ["openai", "anthropic", "azure", "bedrock", "deepseek", "gemini", "gemini-openai", "groq", "mistral", "openrouter", "together", "vertex", "xai"];
