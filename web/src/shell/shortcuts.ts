import { useNavigate } from "@tanstack/react-router";
import { useEffect, useSyncExternalStore } from "react";
import { keep, kept } from "@/kept";
import { places } from "@/navigation";

const name = "sallyport.letters";
const listeners = new Set<() => void>();
let letters = kept(name) !== "off";

/** Whether single letters are shortcuts: who speaks to the computer switches them off. */
export function useLetters(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => letters,
  );
}

export function setLetters(on: boolean): void {
  letters = on;
  keep(name, on ? "on" : "off");
  for (const listener of listeners) listener();
}

/** How long after G the second letter counts. */
const goTime = 1500;

const goes: Record<string, string> = {
  ...Object.fromEntries(places.flatMap((place) => (place.key ? [[place.key, place.to]] : []))),
  s: "/settings/profile",
};

export type Layer = "palette" | "keys";

/** Listens for the shortcuts that hold on every page; open shows the palette or the list of shortcuts. */
export function useShortcuts(open: (layer: Layer) => void): void {
  const navigate = useNavigate();
  useEffect(() => {
    let went = 0;
    const onKey = (e: KeyboardEvent) => {
      if ((e.ctrlKey || e.metaKey) && !e.altKey && !e.shiftKey && e.key.toLowerCase() === "k") {
        e.preventDefault();
        open("palette");
        return;
      }
      if (!letters || e.ctrlKey || e.metaKey || e.altKey || e.isComposing || e.defaultPrevented || typing(e.target) || inLayer()) return;
      const key = e.key.toLowerCase();
      const to = Date.now() - went < goTime ? goes[key] : undefined;
      went = 0;
      if (to) void navigate({ to });
      else if (key === "g") {
        went = Date.now();
        return;
      } else if (e.key === "?") open("keys");
      else if (key === "n") press('[data-shortcut="new"]');
      else if (key === "/") focus('[data-shortcut="search"]');
      else return;
      e.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [navigate, open]);
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Over a dialog the page below is not meant. */
function inLayer(): boolean {
  return document.querySelector('[role="dialog"], [role="menu"]') !== null;
}

function press(selector: string): void {
  document.querySelector<HTMLElement>(selector)?.click();
}

function focus(selector: string): void {
  document.querySelector<HTMLElement>(selector)?.focus();
}
