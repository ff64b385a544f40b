import { Link, Outlet } from "@tanstack/react-router";
import { Suspense } from "react";
import { Page } from "@/components/Page";
import { Loading } from "@/components/States";
import { t } from "@/messages";
import { settingsPlaces } from "@/navigation";

/** The parts of the settings, each with its own address. */
export default function Settings() {
  return (
    <Page
      title={t("shell.settings")}
      narrow
      bar={
        <nav aria-label={t("shell.settings")}>
          <ul className="flex flex-wrap gap-1">
            {settingsPlaces.map((part) => (
              <li key={part.to}>
                <Link
                  to={part.to}
                  className="flex h-8 items-center rounded-md px-3 hover:bg-sunken aria-[current=page]:bg-accent-soft aria-[current=page]:font-medium aria-[current=page]:text-accent-text pointer-coarse:h-11"
                >
                  {t(part.title)}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
      }
    >
      <Suspense fallback={<Loading />}>
        <Outlet />
      </Suspense>
    </Page>
  );
}
