import { X } from "lucide-react";
import { Dialog } from "radix-ui";
import { type ReactNode, useRef } from "react";
import { t } from "@/messages";
import { IconButton } from "./Button";
import { cn } from "./cn";
import { useFocusBack } from "./focus";
import { leave } from "./unsaved";

interface DrawerProps {
  title: string;
  /** Open while the address says so: the page passes what it read from the address. */
  open: boolean;
  /** Takes the drawer out of the address. */
  onClose: () => void;
  actions?: ReactNode;
  side?: "right" | "left";
  className?: string;
  children: ReactNode;
}

/** Details at the side of a page. The rest of the page stays in view; Escape closes it and gives the focus back. */
export function Drawer({ title, open, onClose, actions, side = "right", className, children }: DrawerProps) {
  const focusBack = useFocusBack(open);
  const content = useRef<HTMLDivElement>(null);
  return (
    <Dialog.Root open={open} onOpenChange={(next) => !next && leave(content.current, onClose)}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-30 bg-black/20" />
        <Dialog.Content
          ref={content}
          aria-describedby={undefined}
          onCloseAutoFocus={focusBack}
          className={cn(
            "fixed inset-y-0 z-40 flex w-[min(560px,100vw)] flex-col border-line bg-surface shadow-layer outline-none",
            side === "right" ? "end-0 border-s" : "start-0 border-e",
            className,
          )}
        >
          <header className="flex min-h-12 shrink-0 items-center gap-2 border-b border-line px-4">
            <Dialog.Title className="min-w-0 truncate text-lg font-semibold">{title}</Dialog.Title>
            <div className="ms-auto flex items-center gap-2">
              {actions}
              <Dialog.Close asChild>
                <IconButton label={t("common.close")} icon={<X />} />
              </Dialog.Close>
            </div>
          </header>
          <div className="min-h-0 flex-1 overflow-auto p-4">{children}</div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
