import { useSyncExternalStore } from "react";
import { keep, kept } from "./kept";

export type ThemeChoice = "system" | "light" | "dark";

const name = "sallyport.theme"; // public/theme.js reads it before the first paint
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

let choice = stored();

function stored(): ThemeChoice {
  const before = kept(name);
  return before === "light" || before === "dark" ? before : "system";
}

function apply(): void {
  document.documentElement.classList.toggle("dark", isDark());
  for (const listener of listeners) listener();
}

function isDark(): boolean {
  return choice === "dark" || (choice === "system" && system.matches);
}

system.addEventListener("change", apply);

export function setTheme(next: ThemeChoice): void {
  choice = next;
  keep(name, next);
  apply();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** What was chosen, and what it comes to now. */
export function useTheme(): { choice: ThemeChoice; dark: boolean } {
  const chosen = useSyncExternalStore(subscribe, () => choice);
  const dark = useSyncExternalStore(subscribe, isDark);
  return { choice: chosen, dark };
}
