import type { ComponentProps } from "react";
import { t } from "@/messages";
import { useSession } from "@/session";

/** The first letter of the person, which opens the account's menu. */
export function Account(props: ComponentProps<"button">) {
  const { user } = useSession();
  return (
    <button
      type="button"
      aria-label={t("shell.user")}
      className="grid size-8 place-items-center rounded-full bg-accent-soft font-semibold text-accent-text pointer-coarse:size-11"
      {...props}
    >
      {(user.name || user.email).slice(0, 1).toUpperCase()}
    </button>
  );
}
