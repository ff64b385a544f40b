import { Outlet, useRouter } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import { Failed, Loading } from "@/components/States";
import { t } from "@/messages";
import { useSessionState } from "@/session";
import { Offline } from "./Offline";
import { Rail } from "./Rail";
import { type Layer, useShortcuts } from "./shortcuts";
import { TopBar } from "./TopBar";

// What is not there when the page begins is not loaded with it.
const KeysDialog = lazy(() => import("./Keys"));
const Palette = lazy(() => import("./Palette"));
const SessionEnded = lazy(() => import("./SessionEnded"));

/** What surrounds every page of somebody who is signed in. */
export function Shell() {
  const { session, error, refresh } = useSessionState();
  if (session === undefined) {
    return error ? <Failed error={error} retry={() => void refresh()} /> : <Loading />;
  }
  if (session === null) {
    return <ToSignIn />;
  }
  return <Frame key={`${session.user.id} ${session.organisation.id}`} />; // what was typed, or chosen, was for the one before
}

/** Goes to sign-in once, and tells it the address that was asked for. */
function ToSignIn() {
  const router = useRouter();
  useEffect(() => {
    void router.navigate({ to: "/sign-in", search: { to: router.state.location.href }, replace: true } as never);
  }, [router]);
  return null;
}

function Frame() {
  const { ended } = useSessionState();
  const [layer, setLayer] = useState<Layer>();
  const close = useCallback(() => setLayer(undefined), []);
  useShortcuts(setLayer);
  return (
    <div className="flex h-dvh flex-col">
      <a href="#content" className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded-md focus:bg-surface focus:p-2">
        {t("shell.skip")}
      </a>
      <TopBar onPalette={() => setLayer("palette")} />
      <Offline />
      <div className="flex min-h-0 flex-1">
        <Rail />
        <main id="content" tabIndex={-1} className="flex min-h-0 min-w-0 flex-1 flex-col outline-none">
          <Suspense fallback={<Loading />}>
            <Outlet />
          </Suspense>
        </main>
      </div>
      <Suspense>
        {layer === "palette" && <Palette onClose={close} onKeys={() => setLayer("keys")} />}
        {layer === "keys" && <KeysDialog onClose={close} />}
        {ended && <SessionEnded />}
      </Suspense>
    </div>
  );
}
