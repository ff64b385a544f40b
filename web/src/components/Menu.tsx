import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";
import { cn } from "./cn";

export interface MenuItem {
  label: string;
  icon?: ReactNode;
  danger?: boolean;
  disabled?: boolean;
  onSelect: () => void;
}

const itemLook = "flex min-h-8 items-center gap-2 rounded-sm px-2 outline-none data-disabled:opacity-60 data-highlighted:bg-sunken pointer-coarse:min-h-11";

/** A menu under what opens it: a button with a name. */
export function Menu({ trigger, items, head, align = "end" }: { trigger: ReactNode; items: MenuItem[]; head?: ReactNode; align?: "start" | "end" }) {
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align={align} sideOffset={4} className="z-50 max-h-(--radix-dropdown-menu-content-available-height) min-w-44 overflow-auto rounded-md border border-line bg-surface p-1 shadow-layer">
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
