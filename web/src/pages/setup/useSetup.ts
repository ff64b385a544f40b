import { useQuery } from "@tanstack/react-query";
import { call } from "@/api/client";

/** Whether this server has nobody yet. */
export function useSetup() {
  return useQuery({ queryKey: ["setup"], queryFn: () => call<{ needed: boolean }>("GET", "/api/v1/setup"), staleTime: Infinity });
}
