import { type ReactNode, useId } from "react";

/** A part of a page of settings, with its own heading. */
export function Section({ title, help, actions, children }: { title: string; help?: ReactNode; actions?: ReactNode; children: ReactNode }) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="flex flex-col gap-3 rounded-md border border-line bg-surface p-4">
      <div className="flex flex-wrap items-center gap-2">
        <h2 id={id} className="text-lg font-semibold">
          {title}
        </h2>
        <div className="ms-auto flex flex-wrap gap-2">{actions}</div>
      </div>
      {help && <p className="text-muted">{help}</p>}
      {children}
    </section>
  );
}
