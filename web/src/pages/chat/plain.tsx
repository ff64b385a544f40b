import { cn } from "@/components/cn";
import { showOverrides, withoutOverrides } from "./guard";

/** Plain shows a text as it is; code with a fixed width and with hidden characters shown. */
export function Plain({ text, note, code }: { text: string; note?: string; code?: boolean }) {
  return (
    <div>
      {note && <p className="text-xs text-muted">{note}</p>}
      <pre className={cn("max-h-[60vh] overflow-auto break-words whitespace-pre-wrap", code ? "font-mono text-xs" : "font-sans")} dir={code ? "ltr" : "auto"} tabIndex={0}>
        {code ? showOverrides(text) : withoutOverrides(text)}
      </pre>
    </div>
  );
}
