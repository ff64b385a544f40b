import { Children, isValidElement, useState, type ReactElement, type ReactNode } from "react";
import type { ExtraProps } from "streamdown";
import { Button } from "@/components/Button";
import { t } from "@/messages";

/** rowsFirst is how many rows of a table are drawn before the reader asks for all. */
const rowsFirst = 200;

/** Table scrolls in its own box, and draws a huge one in part. */
export function Table({ children }: { children?: ReactNode } & ExtraProps) {
  const [all, setAll] = useState(false);
  const rows = countRows(children);
  const shown = all || rows <= rowsFirst ? children : Children.map(children, firstRows);
  return (
    <div className="my-3">
      <div className="max-h-[36rem] overflow-auto rounded-md border border-line" tabIndex={0} role="region" aria-label={t("chat.tableLabel", { rows })}>
        <table>{shown}</table>
      </div>
      {shown !== children && (
        <Button size="small" className="mt-2" onClick={() => setAll(true)}>
          {t("chat.tableAll", { rows })}
        </Button>
      )}
    </div>
  );
}

type Part = ReactElement<{ children?: ReactNode } & ExtraProps>;

const isBody = (part: ReactNode): part is Part => isValidElement<Part["props"]>(part) && part.props.node?.tagName === "tbody";

function countRows(children: ReactNode): number {
  return Children.toArray(children).filter(isBody).reduce((n, body) => n + rowsOf(body).length, 0);
}

function firstRows(part: ReactNode): ReactNode {
  if (!isBody(part)) return part;
  return <tbody>{rowsOf(part).slice(0, rowsFirst)}</tbody>;
}

function rowsOf(body: Part): ReactNode[] {
  return Children.toArray(body.props.children).filter((row) => isValidElement(row));
}
