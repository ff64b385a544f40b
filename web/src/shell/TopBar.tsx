import { Link } from "@tanstack/react-router";
import { Menu as MenuIcon, Search, Settings } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { buttonLook, IconButton } from "@/components/Button";
import { cn } from "@/components/cn";
import { t } from "@/messages";
import { useSession } from "@/session";
import { Account } from "./Account";

// Layers are not loaded with the page.
const RailDrawer = lazy(() => import("./RailDrawer"));
const UserMenu = lazy(() => import("./UserMenu"));

/** The name at the left; the gear and the account at the top right. */
export function TopBar({ onPalette }: { onPalette: () => void }) {
  const { organisation } = useSession();
  const [open, setOpen] = useState(false);
  return (
    <header className="flex h-12 shrink-0 items-center gap-2 border-b border-line bg-surface px-3">
      <div className="md:hidden">
        <IconButton label={t("shell.menu")} icon={<MenuIcon />} onClick={() => setOpen(true)} />
        <Suspense>{open && <RailDrawer onClose={() => setOpen(false)} />}</Suspense>
      </div>
      <Link to="/chat" className="flex items-center gap-2 font-semibold">
        {t("common.product")}
      </Link>
      <span className="truncate text-muted max-md:hidden">{organisation.name}</span>
      <div className="ms-auto flex items-center gap-1">
        <IconButton label={t("shell.palette")} icon={<Search />} onClick={onPalette} aria-keyshortcuts="Control+K Meta+K" />
        <Link
          to="/settings/profile"
          aria-label={t("shell.settings")}
          title={t("shell.settings")}
          className={cn(buttonLook({ look: "quiet", size: "icon" }))}
        >
          <Settings aria-hidden className="size-4" />
        </Link>
        <Suspense fallback={<Account disabled />}>
          <UserMenu />
        </Suspense>
      </div>
    </header>
  );
}
