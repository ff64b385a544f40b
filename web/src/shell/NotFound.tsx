import { Link } from "@tanstack/react-router";
import { buttonLook } from "@/components/Button";
import { Empty, Failed } from "@/components/States";
import { t } from "@/messages";

export function NotFound() {
  return (
    <Empty
      title={t("shell.notFound")}
      action={
        <Link to="/chat" className={buttonLook({ look: "primary" })}>
          {t("shell.toChat")}
        </Link>
      }
    >
      {t("shell.notFoundHint")}
    </Empty>
  );
}

/** A page broke: the rest of the Terminal stays usable. */
export function PageFailed({ error, reset }: { error: unknown; reset: () => void }) {
  return <Failed error={error} retry={reset} title={t("shell.broken")} />;
}
