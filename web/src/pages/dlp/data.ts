import { useInfiniteQuery, useIsMutating, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { components } from "@/api/schema";

type Schemas = components["schemas"];
export type Policy = Schemas["Policy"];
export type Draft = Schemas["DlpDraftView"];
export type Sample = Schemas["DlpSample"];
export type Trial = Schemas["TrialView"];
export type Hit = Schemas["HitView"];
export type Version = Schemas["DlpVersionView"];
export type Published = Schemas["PublishView"];
export type InForce = Schemas["DlpPolicyView"];
export type Type = Schemas["TypeView"];

export const categories = ["secret", "contact", "payment", "identity"] as const;
export const actions = ["keep", "tokenize", "redact", "block"] as const;

const of = (model: string) => (model ? `?model=${encodeURIComponent(model)}` : "");

export const useTypes = () => useQuery({ queryKey: ["dlp", "types"], queryFn: () => call<Type[]>("GET", "/api/v1/dlp/types"), staleTime: Infinity });
export const usePolicies = () => useQuery({ queryKey: ["dlp", "policies"], queryFn: () => call<InForce[]>("GET", "/api/v1/dlp/policies") });
export const useDraft = (model: string) => useQuery({ queryKey: ["dlp", "draft", model], queryFn: () => call<Draft>("GET", `/api/v1/dlp/draft${of(model)}`), refetchOnWindowFocus: false });
export const useGroups = () => useQuery({ queryKey: ["groups"], queryFn: () => call<{ id: string; name: string }[]>("GET", "/api/v1/groups") });

export const useVersions = (model: string) =>
  useInfiniteQuery({
    queryKey: ["dlp", "versions", model],
    initialPageParam: 0,
    queryFn: ({ pageParam }) => call<Schemas["DlpVersionsView"]>("GET", `/api/v1/dlp/versions?${new URLSearchParams({ model, before: String(pageParam) }).toString()}`),
    getNextPageParam: (page) => page.before,
  });

const changeKey = ["dlp"];

/** A change after which everything about policies is read anew; not after a refusal, which would take away what is being edited. */
export function useChange<Input, Output>(change: (input: Input) => Promise<Output>) {
  const queries = useQueryClient();
  return useMutation({ mutationKey: changeKey, mutationFn: change, onSuccess: () => queries.invalidateQueries({ queryKey: ["dlp"] }) });
}

/** Whether such a change is under way, until what came of it has been read. */
export const useChanging = () => useIsMutating({ mutationKey: changeKey }) > 0;

export const saveDraft = ({ model, ...body }: { model: string; policy: Policy; samples: Sample[]; revision: number }) => call<Draft>("PUT", `/api/v1/dlp/draft${of(model)}`, body);
export const dropDraft = (model: string) => call("DELETE", `/api/v1/dlp/draft${of(model)}`);
export const publish = ({ model, revision, note }: { model: string; revision: number; note: string }) => call<Published>("POST", `/api/v1/dlp/publish${of(model)}`, { revision, note });
export const restore = ({ model, number }: { model: string; number: number }) => call<Published>("POST", `/api/v1/dlp/restore${of(model)}`, { number });
export const tryText = (body: { text: string; policy: Policy; group?: string }, signal: AbortSignal) => call<Trial>("POST", "/api/v1/dlp/test", body, { signal });

/** A policy in which nothing is missing. */
export function whole(p: Policy): Policy {
  return { ...p, in: p.in ?? {}, out: p.out ?? {}, allow: p.allow ?? [], trusted_tools: p.trusted_tools ?? [] };
}

/** The rules with one changed; "" takes it out. */
export function withRule(rules: Record<string, string>, name: string, action: string): Record<string, string> {
  const { [name]: _, ...others } = rules;
  return action ? { ...others, [name]: action } : others;
}

export interface Piece { text: string; hit?: Hit }

/** Cuts a text where values were found. The server counts bytes of UTF-8. */
export function pieces(text: string, hits: readonly Hit[]): Piece[] {
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  const out: Piece[] = [];
  let at = 0;
  for (const hit of [...hits].sort((a, b) => a.start - b.start)) {
    if (hit.start < at || hit.end > bytes.length) continue; // of a text that has changed since
    if (hit.start > at) out.push({ text: decoder.decode(bytes.subarray(at, hit.start)) });
    out.push({ text: decoder.decode(bytes.subarray(hit.start, hit.end)), hit });
    at = hit.end;
  }
  if (at < bytes.length) out.push({ text: decoder.decode(bytes.subarray(at)) });
  return out;
}
