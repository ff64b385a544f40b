import type { ReactNode } from "react";
import { t } from "@/messages";
import { useTitle } from "./Page";

/** A page of somebody who is not signed in: one column in the middle. */
export function Outside({ title, children }: { title: string; children: ReactNode }) {
  const heading = useTitle(title);
  return (
    <main className="mx-auto flex min-h-dvh w-full max-w-sm flex-col justify-center gap-5 p-4">
      <p className="font-semibold text-muted">{t("common.product")}</p>
      <h1 ref={heading} tabIndex={-1} className="text-xl font-semibold outline-none">
        {title}
      </h1>
      {children}
    </main>
  );
}
