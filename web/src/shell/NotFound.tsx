import { Link } from "@tanstack/react-router";
import { buttonLook } from "@/components/Button";
import { Page } from "@/components/Page";
import { Empty, Failed } from "@/components/States";
import { t } from "@/messages";

/** An address that is none of ours, within the frame. */
export function NotFound() {
  return (
    <Page title={t("shell.notFound")}>
      <Empty
        title={t("shell.notFoundHint")}
        action={
          <Link to="/chat" className={buttonLook({ look: "primary" })}>
            {t("shell.toChat")}
          </Link>
        }
      />
    </Page>
  );
}

/** A page broke: the rest of the Terminal stays usable. */
export function PageFailed({ error, reset }: { error: unknown; reset: () => void }) {
  return <Failed error={error} retry={reset} title={t("shell.broken")} />;
}
