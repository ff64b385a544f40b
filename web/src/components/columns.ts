import { useState } from "react";
import { keep, kept } from "@/kept";

interface Choosable {
  id: string;
  header: string;
  hidden?: boolean;
}

/** Which columns of a table the person wants to see; kept on this device. */
export function useColumns<C extends Choosable>(table: string, columns: C[]) {
  const name = `sallyport.columns.${table}`;
  const [choice, setChoice] = useState<Record<string, boolean>>(() => read(name));
  const isShown = (column: C) => choice[column.id] ?? !column.hidden;
  const shown = columns.filter(isShown);
  const menu = columns.map((column) => ({
    label: column.header,
    checked: isShown(column),
    onChange: (on: boolean) => {
      if (!on && shown.length === 1) return; // a table without columns shows nothing
      const next = { ...choice, [column.id]: on };
      setChoice(next);
      keep(name, JSON.stringify(next));
    },
  }));
  return { shown, menu };
}

function read(name: string): Record<string, boolean> {
  try {
    return JSON.parse(kept(name) ?? "{}") as Record<string, boolean>;
  } catch {
    return {};
  }
}
