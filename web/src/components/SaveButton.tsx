import { type ReactNode, useState } from "react";
import { Button } from "./Button";
import { save } from "./save";

/** Saves the file at a path of the server, and is busy until it has come. */
export function SaveButton({ path, children }: { path: string; children: ReactNode }) {
  const [busy, setBusy] = useState(false);
  return (
    <Button busy={busy} onClick={() => { setBusy(true); void save(path).finally(() => setBusy(false)); }}>
      {children}
    </Button>
  );
}
