import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { ApiError, call, setHooks } from "@/api/client";
import { newKey } from "@/api/once";
import { forget, keep } from "./kept";

/** Who is signed in, and what they may do. */
export interface Session {
  user: { id: string; email: string; name: string };
  organisation: { id: string; name: string };
  organisations: { id: string; name: string; role: string }[];
  role: string;
  groups: { id: string; name: string }[];
  /** The names of the operations that the server would allow. Hiding a button is courtesy: the server checks. */
  actions: string[];
  csrf_token: string;
  expires_at: string;
}

interface SessionState {
  /** undefined: not known yet; null: nobody is signed in. */
  session: Session | null | undefined;
  /** Why it is not known, if the server could not be asked. */
  error: ApiError | null;
  /** The session ended while the pages were in use. */
  ended: boolean;
  can: (action: string) => boolean;
  signIn: (email: string, password: string) => Promise<Session>;
  signOut: () => Promise<void>;
  switchTo: (organisation: string) => Promise<void>;
  /** The server made a new session for the same person, as after a change of the password. */
  renewed: (next: Session) => void;
  refresh: () => Promise<unknown>;
}

const SessionContext = createContext<SessionState | null>(null);

const sessionKey = ["session"];

/** How long what was read of the session is believed, while no answer says otherwise. */
const freshTime = 5 * 60_000;

/** Whether two sessions may see the same on the screen. */
const isSame = (a: Session, b: Session) => a.user.id === b.user.id && a.organisation.id === b.organisation.id;

async function readSession(signal: AbortSignal): Promise<Session | null> {
  try {
    return await call<Session>("GET", "/api/v1/session", undefined, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

/** All tabs have one session. What is kept under this name changes when one of them gets another, which the others hear: "" when it is none. */
const tabsName = "sallyport.session";

/** Names of what a browser keeps for a person begin so; signing out forgets it. */
export const draftPrefix = "sallyport.draft.";

export function forgetDrafts(): void {
  forget(draftPrefix);
}

/** Another person or organisation must see nothing of what was on the screen. What pages keep themselves goes with the shell. */
function forgetPages(queries: QueryClient): void {
  queries.removeQueries({ predicate: (q) => q.queryKey[0] !== "session" });
}

function show(queries: QueryClient, next: Session | null, same: boolean): void {
  setHooks({ csrf: next?.csrf_token ?? "" });
  void queries.cancelQueries({ queryKey: sessionKey }); // what is asked already is of the session before
  if (!same) forgetPages(queries);
  queries.setQueryData(sessionKey, next);
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [ended, setEnded] = useState(false);
  const query = useQuery({
    queryKey: sessionKey,
    queryFn: async ({ signal }) => {
      const before = queries.getQueryData<Session | null>(sessionKey);
      const now = await readSession(signal);
      if (now && before && !isSame(now, before)) forgetPages(queries); // another tab signed in, or switched
      if (now) setEnded(false);
      if (now || !before) return now;
      setEnded(true); // the page stays, with what was typed into it
      return before;
    },
    staleTime: freshTime,
    retry: false,
  });
  const session = query.data;
  setHooks({ csrf: session?.csrf_token ?? "" });

  useEffect(() => setHooks({ ended: () => setEnded(true) }), []);
  useEffect(() => {
    const heard = (e: StorageEvent) => {
      if (e.key !== tabsName) return;
      if (e.newValue !== "") return void queries.invalidateQueries({ queryKey: sessionKey });
      setEnded(false);
      show(queries, null, false); // who signs out wants nothing to stay on a screen
    };
    addEventListener("storage", heard);
    return () => removeEventListener("storage", heard);
  }, [queries]);

  const state = useMemo<SessionState>(() => {
    const become = (next: Session | null, same: boolean) => {
      show(queries, next, same);
      keep(tabsName, next ? newKey() : "");
    };
    return {
      session,
      error: query.error instanceof ApiError ? query.error : null,
      ended: ended && !!session,
      can: (action) => !!session?.actions.includes(action),
      async signIn(email, password) {
        const next = await call<Session>("POST", "/api/v1/session", { email, password });
        const same = !!session && isSame(session, next);
        if (session && !same) forgetDrafts();
        become(next, same);
        setEnded(false);
        if (same) await queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== "session" });
        return next;
      },
      async signOut() {
        await call("DELETE", "/api/v1/session").catch((error: unknown) => {
          if (!(error instanceof ApiError && error.status === 401)) throw error;
        });
        forgetDrafts();
        setEnded(false);
        become(null, false);
      },
      async switchTo(organisation) {
        become(await call<Session>("PUT", "/api/v1/session/organisation", { id: organisation }), false);
      },
      renewed: (next) => become(next, true),
      refresh: () => queries.invalidateQueries({ queryKey: sessionKey }),
    };
  }, [session, query.error, ended, queries]);

  return <SessionContext value={state}>{children}</SessionContext>;
}

/** The state of signing in; pages inside the shell want useSession. */
export function useSessionState(): SessionState {
  const state = useContext(SessionContext);
  if (!state) throw new Error("there is no SessionProvider above");
  return state;
}

/** The session of who is signed in. Only for what the shell shows, which waits for it. */
export function useSession(): Session & Pick<SessionState, "can" | "refresh"> {
  const { session, can, refresh } = useSessionState();
  if (!session) throw new Error("nobody is signed in");
  return { ...session, can, refresh };
}
