import { cn } from "./cn";

/** Which view of a page is shown; the page keeps it in the address. */
export function Tabs({ label, tabs, chosen, onChoose }: { label: string; tabs: [id: string, name: string][]; chosen: string; onChoose: (id: string) => void }) {
  return (
    <nav aria-label={label} className="flex gap-1">
      {tabs.map(([id, name]) => (
        <button
          key={id}
          type="button"
          aria-current={id === chosen ? "page" : undefined}
          onClick={() => onChoose(id)}
          className={cn("h-8 rounded-md px-3 font-medium pointer-coarse:h-11", id === chosen ? "bg-accent-soft text-accent-text" : "text-muted hover:bg-sunken")}
        >
          {name}
        </button>
      ))}
    </nav>
  );
}
