import { useRef } from "react";

/**
 * Gives the focus back to what had it when a layer opened. radix does so for layers
 * with a trigger of its own, which those that the address opens do not have.
 */
export function useFocusBack(open: boolean): (e: Event) => void {
  const opener = useRef<HTMLElement | null>(null);
  const wasOpen = useRef(false);
  if (open !== wasOpen.current) {
    wasOpen.current = open;
    if (open) opener.current = focused();
  }
  return (e) => {
    e.preventDefault();
    opener.current?.focus();
  };
}

/** What has the focus; of an entry of a menu, which is gone by then, the button that opened the menu. */
function focused(): HTMLElement | null {
  const at = document.activeElement;
  const button = at?.closest("[role=menu]")?.getAttribute("aria-labelledby");
  const opener = button ? document.getElementById(button) : at;
  return opener instanceof HTMLElement ? opener : null;
}
