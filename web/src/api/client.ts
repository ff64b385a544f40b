import createClient from "openapi-fetch";
import { root } from "@/root";
import { ApiError, errorOf } from "./error";
import type { paths } from "./schema";

export { ApiError } from "./error";

/** What the client needs of the session, and what it tells about the connection. */
interface Hooks {
  /** The token that goes with every write. */
  csrf: string;
  /** A call was answered with 401 although there was a session. */
  ended: () => void;
  /** The server answered, or it was not reached. */
  reached: (at: Date | undefined) => void;
}

const hooks: Hooks = { csrf: "", ended: () => {}, reached: () => {} };

export function setHooks(changed: Partial<Hooks>): void {
  Object.assign(hooks, changed);
}

const reads = new Set(["GET", "HEAD"]);

/** The only fetch of the Terminal. It throws ApiError for every answer that is no success. */
async function send(request: Request): Promise<Response> {
  if (!reads.has(request.method) && hooks.csrf) request.headers.set("X-CSRF-Token", hooks.csrf);
  let response: Response;
  try {
    response = await fetch(request, { credentials: "same-origin" });
  } catch (cause) {
    if (request.signal.aborted) throw cause;
    hooks.reached(undefined);
    throw new ApiError(0, "unreachable", "The server cannot be reached.");
  }
  hooks.reached(response.headers.has("X-Request-Id") ? new Date() : undefined);
  if (response.ok) return response;
  const error = await errorOf(response);
  if (error.status === 401 && !new URL(request.url).pathname.endsWith("/api/v1/session")) hooks.ended();
  throw error;
}

const origin = location.origin + root.replace(/\/$/, "");

/** Calls by path, typed by the server's description. Wrap each in ask, which gives what was answered. */
export const api = createClient<paths>({ baseUrl: origin, fetch: send });

/** The body of an answer; it throws ApiError for refusals. */
export async function ask<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  return (await answer).data as T;
}

/** Where a path of the server is for the browser itself, which saves files. The path begins with /api/v1. */
export function addressOf(path: string): string {
  return origin + path;
}

/** A call that the description does not type: streams, downloads. The path begins with /api/v1. */
export function open(path: string, init: RequestInit = {}): Promise<Response> {
  return send(new Request(addressOf(path), init));
}

/** A call by path with JSON in and out. Prefer ask(api.…), which is typed by the description. */
export async function call<T>(method: string, path: string, body?: unknown, init: RequestInit = {}): Promise<T> {
  const headers = new Headers(init.headers);
  if (body !== undefined) headers.set("Content-Type", "application/json");
  const response = await open(path, { ...init, method, headers, body: body === undefined ? null : JSON.stringify(body) });
  return (response.status === 204 ? undefined : await response.json()) as T;
}
