import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { t } from "@/messages";
import { Button, IconButton } from "./Button";

/** How long the button says that it copied. */
const saidTime = 2000;

/** Copies, and says whether it could: browsers refuse on addresses without TLS. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** The old way, which also works without TLS. */
function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  const before = document.activeElement as HTMLElement | null;
  (before?.closest('[role="dialog"]') ?? document.body).append(area); // a dialog takes the focus back from outside
  area.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } catch {
    // Not supported: the person is told.
  }
  area.remove();
  before?.focus();
  return done;
}

interface CopyButtonProps {
  text: string;
  /** What is copied, for its name: "Copy {what}". */
  what: string;
  /** Shows the word beside the icon. */
  wide?: boolean;
}

export function CopyButton({ text, what, wide }: CopyButtonProps) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), saidTime);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    const done = await copyText(text);
    setCopied(done);
    if (!done) (await import("sonner")).toast.error(t("common.copyFailed"));
  };
  const icon = copied ? <Check /> : <Copy />;
  const name = t("common.copyWhat", { what });
  return (
    <>
      {wide ? (
        <Button onClick={copy} aria-label={name}>
          <span aria-hidden className="[&>svg]:size-4">{icon}</span>
          {copied ? t("common.copied") : t("common.copy")}
        </Button>
      ) : (
        <IconButton label={name} icon={icon} onClick={copy} />
      )}
      <span role="status" className="sr-only">
        {copied && t("common.copied")}
      </span>
    </>
  );
}
