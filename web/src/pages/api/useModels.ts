import { useQuery } from "@tanstack/react-query";
import { api, ask } from "@/api/client";

/** The models that the person may use, and the one to begin with. */
export function useModels() {
  const query = useQuery({ queryKey: ["models", "available"], queryFn: async () => (await ask(api.GET("/api/v1/models/available"))) ?? [] });
  const first = query.data?.find((m) => m.default) ?? query.data?.[0];
  return { query, model: first?.id };
}
