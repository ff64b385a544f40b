/** Tells in a toast why something failed that has no place of its own on the page. Toasts are loaded when they are needed. */
export async function tellFailure(failure: unknown): Promise<void> {
  (await import("sonner")).toast.error(failure instanceof Error ? failure.message : String(failure));
}
