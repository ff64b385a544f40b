import { useSyncExternalStore } from "react";

export type ThemeChoice = "system" | "light" | "dark";

const name = "sallyport.theme"; // public/theme.js reads it before the first paint
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

let choice = stored();

function stored(): ThemeChoice {
  try {
    const kept = localStorage.getItem(name);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system";
  }
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
  try {
    localStorage.setItem(name, next);
  } catch {
    // It holds until the page is left.
  }
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
