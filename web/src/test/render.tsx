import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, createRootRoute, createRoute, createRouter, Outlet, RouterProvider } from "@tanstack/react-router";
import { render } from "@testing-library/react";
import { type ReactNode, Suspense } from "react";
import { vi } from "vitest";
import { parseSearch, stringifySearch } from "@/components/address";
import Toasts from "@/components/Toasts";
import { type Session, SessionProvider, useSessionState } from "@/session";

/** An administrator who may do what actions say. */
export function sessionOf(changed: Partial<Session> = {}): Session {
  return {
    user: { id: "u-ann", email: "ann@acme.test", name: "Ann" },
    organisation: { id: "o-acme", name: "Acme" },
    organisations: [{ id: "o-acme", name: "Acme", role: "administrator" }],
    role: "administrator",
    groups: [],
    actions: [],
    csrf_token: "csrf-of-the-test",
    expires_at: "2030-01-01T00:00:00Z",
    ...changed,
  };
}

/** What the server answers: a body, or a function of the request; an Answer sets the status. */
export type Answers = Record<string, unknown | ((request: Request) => unknown)>;

export class Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Record<string, string>;
  constructor(status: number, body?: unknown, headers: Record<string, string> = {}) {
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** The server refuses, in the shape of its errors. */
export function refusal(status: number, message: string): Answer {
  return new Answer(status, { error: "Refused", message }, { "X-Request-Id": "req_test" });
}

/** Never answers: the page stays in its loading state. */
export const silence = () => new Promise(() => {});

/**
 * Answers every fetch from the table, whose names are "GET /api/v1/keys"; the
 * part behind "?" may be left out. Returns the requests that were made.
 */
export function serve(answers: Answers): Request[] {
  const asked: Request[] = [];
  vi.stubGlobal("fetch", async (input: Request | string, init?: RequestInit) => {
    const request = input instanceof Request ? input : new Request(new URL(input, location.href), init);
    asked.push(request.clone());
    const { pathname, search } = new URL(request.url);
    const name = `${request.method} ${pathname}`;
    const found = name + search in answers ? answers[name + search] : answers[name];
    if (found === undefined) throw new TypeError(`the test has no answer to ${name}${search}`);
    const given = await (typeof found === "function" ? found(request) : found);
    if (given instanceof Response) return given;
    const answer = given instanceof Answer ? given : new Answer(200, given);
    const empty = answer.body === undefined || answer.status === 204;
    return new Response(empty ? null : JSON.stringify(answer.body), { status: answer.status, headers: { "Content-Type": "application/json", "X-Request-Id": "req_test", ...answer.headers } });
  });
  return asked;
}

interface RenderOptions {
  answers?: Answers;
  session?: Session | null;
  /** The address, and the pattern of the page's route. */
  at?: string;
  route?: string;
}

/** Renders a page as the shell would, with a session, an address and a server. */
export async function renderPage(element: ReactNode, { answers = {}, session = sessionOf(), at = "/", route = at.split("?")[0] ?? "/" }: RenderOptions = {}) {
  const asked = serve({
    "GET /api/v1/session": session ?? refusal(401, "no session"),
    ...answers,
  });
  const rootRoute = createRootRoute({ component: Outlet });
  const pageRoute = createRoute({ getParentRoute: () => rootRoute, path: route, component: () => <Signed>{element}</Signed> });
  const elsewhere = createRoute({ getParentRoute: () => rootRoute, path: "$", component: () => <p>elsewhere</p> });
  const router = createRouter({
    routeTree: rootRoute.addChildren(route === "$" ? [pageRoute] : [pageRoute, elsewhere]),
    history: createMemoryHistory({ initialEntries: [at] }),
    parseSearch,
    stringifySearch,
  });
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const view = render(
    <QueryClientProvider client={queries}>
      <SessionProvider>
        <RouterProvider router={router as never} />
        <Toasts />
      </SessionProvider>
    </QueryClientProvider>,
  );
  return { ...view, asked, router, queries };
}

function Signed({ children }: { children: ReactNode }) {
  const { session } = useSessionState();
  return session === undefined ? null : <Suspense>{children}</Suspense>;
}
