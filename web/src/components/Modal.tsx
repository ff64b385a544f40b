import { Dialog } from "radix-ui";
import { type ReactNode, useRef } from "react";
import { useFocusBack } from "./focus";
import { leave } from "./unsaved";

interface ModalProps {
  title: string;
  description?: ReactNode;
  open: boolean;
  onClose: () => void;
  /** It must be answered: neither Escape nor a press outside closes it. */
  firm?: boolean;
  children: ReactNode;
}

/** Only for confirmation and short creation; details belong into a Drawer. */
export function Modal({ title, description, open, onClose, firm, children }: ModalProps) {
  const hold = firm ? (e: Event) => e.preventDefault() : undefined;
  const focusBack = useFocusBack(open);
  const content = useRef<HTMLDivElement>(null);
  return (
    <Dialog.Root open={open} onOpenChange={(next) => !next && leave(content.current, onClose)}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Dialog.Content
          ref={content}
          tabIndex={0} // what is too high for the screen scrolls, by keys too
          onEscapeKeyDown={hold}
          onCloseAutoFocus={focusBack}
          onPointerDownOutside={hold}
          {...(description ? {} : { "aria-describedby": undefined })}
          className="fixed top-[12vh] left-1/2 z-50 flex max-h-[80vh] w-[min(480px,calc(100vw-2rem))] -translate-x-1/2 flex-col gap-4 overflow-auto rounded-md border border-line bg-surface p-5 shadow-layer outline-none"
        >
          <Dialog.Title className="text-lg font-semibold">{title}</Dialog.Title>
          {description && <Dialog.Description className="text-muted">{description}</Dialog.Description>}
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
