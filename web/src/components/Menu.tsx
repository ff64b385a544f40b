import { DropdownMenu, Slot } from "radix-ui";
import { type KeyboardEvent, type MouseEvent, type ReactNode, useState } from "react";
import { cn } from "./cn";

export interface MenuItem {
  label: string;
  icon?: ReactNode;
  danger?: boolean;
  disabled?: boolean;
  onSelect: () => void;
}

const itemLook = "flex min-h-8 items-center gap-2 rounded-sm px-2 outline-none data-disabled:opacity-60 data-highlighted:bg-sunken pointer-coarse:min-h-11";

interface MenuProps {
  trigger: ReactNode;
  items: MenuItem[];
  head?: ReactNode;
  align?: "start" | "end";
}

/**
 * A menu under what opens it: a button with a name. Until it is first opened it is
 * that button alone: each of Radix's menus listens to all keys of the page, also
 * when it is closed, and a long conversation has a thousand.
 */
export function Menu(props: MenuProps) {
  const [used, setUsed] = useState<"by key" | "by pointer">();
  if (used) return <UsedMenu {...props} byKey={used === "by key"} />;
  const pressed = (e: KeyboardEvent) => {
    if (e.key !== "ArrowDown") return;
    e.preventDefault();
    setUsed("by key");
  };
  return (
    <Slot.Root aria-haspopup="menu" aria-expanded={false} onKeyDown={pressed} onClick={(e: MouseEvent) => setUsed(e.detail === 0 ? "by key" : "by pointer")}>
      {props.trigger}
    </Slot.Root>
  );
}

function UsedMenu({ trigger, items, head, align = "end", byKey }: MenuProps & { byKey: boolean }) {
  return (
    <DropdownMenu.Root defaultOpen>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content ref={byKey ? focusFirst : null} align={align} sideOffset={4} className="z-50 max-h-(--radix-dropdown-menu-content-available-height) min-w-44 overflow-auto rounded-md border border-line bg-surface p-1 shadow-layer">
          {head && <DropdownMenu.Label className="px-2 py-1.5">{head}</DropdownMenu.Label>}
          {items.map((item) => (
            <DropdownMenu.Item key={item.label} disabled={item.disabled} onSelect={item.onSelect} className={cn(itemLook, item.danger && "text-bad")}>
              {item.icon && <span aria-hidden className="[&>svg]:size-4">{item.icon}</span>}
              {item.label}
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

/** focusFirst does what Radix does for a menu that a key opens, had it heard the key. */
function focusFirst(menu: HTMLElement | null): void {
  menu?.querySelector<HTMLElement>("[role=menuitem]:not([data-disabled])")?.focus();
}

/** Items to tick, which stay open while they are ticked. */
export function CheckMenu({ trigger, items }: { trigger: ReactNode; items: { label: string; checked: boolean; onChange: (on: boolean) => void }[] }) {
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align="end" sideOffset={4} className="z-50 min-w-44 rounded-md border border-line bg-surface p-1 shadow-layer">
          {items.map((item) => (
            <DropdownMenu.CheckboxItem
              key={item.label}
              checked={item.checked}
              onCheckedChange={item.onChange}
              onSelect={(e) => e.preventDefault()}
              className={itemLook}
            >
              <span aria-hidden className="w-4">{item.checked ? "✓" : ""}</span>
              {item.label}
            </DropdownMenu.CheckboxItem>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
