import { Link } from "@tanstack/react-router";
import { PanelLeftClose, PanelLeftOpen } from "lucide-react";
import { useState } from "react";
import { IconButton } from "@/components/Button";
import { cn } from "@/components/cn";
import { keep, kept } from "@/kept";
import { t } from "@/messages";
import { adminPlaces, type Place, places } from "@/navigation";
import { useSession } from "@/session";

const name = "sallyport.rail";

/** The pages at the left; a press makes it a column of icons. On phones it is a drawer of the top bar. */
export function Rail() {
  const [small, setSmall] = useState(() => kept(name) === "small");
  const toggle = () => {
    keep(name, small ? "wide" : "small");
    setSmall(!small);
  };
  return (
    <div className={cn("flex shrink-0 flex-col justify-between overflow-auto border-e border-line bg-surface p-2 max-md:hidden", small ? "w-13" : "w-60")}>
      <RailLinks small={small} />
      <IconButton label={t(small ? "shell.expand" : "shell.collapse")} icon={small ? <PanelLeftOpen /> : <PanelLeftClose />} onClick={toggle} />
    </div>
  );
}

export function RailLinks({ small, onChosen }: { small?: boolean; onChosen?: () => void }) {
  const { can } = useSession();
  const shown = adminPlaces.filter((place) => !place.needs || can(place.needs));
  return (
    <nav aria-label={t("shell.navigation")} className="flex flex-col gap-4">
      <Links places={places} small={small} onChosen={onChosen} />
      {shown.length > 0 && (
        <section aria-labelledby="rail-admin">
          <h2 id="rail-admin" className={cn("px-2 pb-1 text-xs font-medium text-muted", small && "sr-only")}>
            {t("shell.administration")}
          </h2>
          <Links places={shown} small={small} onChosen={onChosen} />
        </section>
      )}
    </nav>
  );
}

function Links({ places, small, onChosen }: { places: Place[]; small: boolean | undefined; onChosen: (() => void) | undefined }) {
  return (
    <ul className="flex flex-col gap-0.5">
      {places.map(({ to, title, icon: Icon }) => (
        <li key={to}>
          <Link
            to={to}
            onClick={onChosen}
            title={small ? t(title) : undefined}
            className="flex h-9 items-center gap-2 rounded-md px-2 text-text hover:bg-sunken aria-[current=page]:bg-accent-soft aria-[current=page]:font-medium aria-[current=page]:text-accent-text pointer-coarse:h-11"
          >
            <Icon aria-hidden className="size-4 shrink-0" />
            <span className={cn("truncate", small && "sr-only")}>{t(title)}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
