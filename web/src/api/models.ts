import { queryOptions, useQuery } from "@tanstack/react-query";
import { api, ask } from "./client";
import type { components } from "./schema";

export type Model = components["schemas"]["ModelView"];

/** Everything about models is kept under this name: a change makes all of it stale. */
export const modelsKey = ["models"];

/** All models, for administrators. */
export const useModels = () => useQuery({ queryKey: modelsKey, queryFn: async () => (await ask(api.GET("/api/v1/models"))) ?? [] });

/** The models that the person may use. */
export const availableModels = queryOptions({
  queryKey: [...modelsKey, "available"],
  queryFn: async () => (await ask(api.GET("/api/v1/models/available"))) ?? [],
  staleTime: 60_000,
});
export const useAvailableModels = () => useQuery(availableModels);

/** The organisation's choice; else a model that is an AI, if there is one. */
export function beginWith(models: Model[] | undefined): Model | undefined {
  return models?.find((m) => m.default) ?? models?.find((m) => !m.offline) ?? models?.[0];
}
