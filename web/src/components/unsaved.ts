import { useBlocker } from "@tanstack/react-router";
import { type RefObject, useCallback, useEffect, useMemo, useRef, useState } from "react";

/** A form on the screen: what was changed in it is lost when it goes away. */
interface Guard {
  form: RefObject<HTMLFormElement | null>;
  dirty: () => boolean;
  forget: () => void;
  ask: (answer: (sure: boolean) => void) => void;
}

const guards = new Set<Guard>();

/** Goes at once when no form in that part of the page has unsaved changes; else the form asks first. */
export function leave(part: Node | null, go: () => void): void {
  const unsaved = [...guards].filter((g) => part?.contains(g.form.current) && g.dirty());
  if (!unsaved[0]) return go();
  unsaved[0].ask((sure) => {
    if (!sure) return;
    for (const g of unsaved) g.forget();
    go();
  });
}

/**
 * Knows what a person has changed in a form, and asks before another address, or
 * another tab, takes it away; layers ask by leave(). With asks false nobody is
 * asked. The form renders the question while asking is true.
 */
export function useUnsaved(asks: boolean) {
  const form = useRef<HTMLFormElement>(null);
  const changes = useRef(new Changes()).current;
  const pending = useRef<(sure: boolean) => void>(undefined);
  const [asking, setAsking] = useState(false);
  const [touched, setTouched] = useState(false);
  const answer = useCallback((sure: boolean) => {
    setAsking(false);
    pending.current?.(sure);
    pending.current = undefined;
  }, []);
  const guard = useMemo<Guard>(() => {
    return {
      form,
      dirty: () => changes.in(form.current),
      forget: () => {
        changes.forget();
        setTouched(false);
      },
      ask: (next) => {
        pending.current?.(false); // who asks anew has given up the last way out
        pending.current = next;
        setAsking(true);
      },
    };
  }, [changes]);
  useEffect(() => {
    if (!asks) return;
    guards.add(guard);
    return () => void guards.delete(guard);
  }, [asks, guard]);
  useBlocker({ shouldBlockFn: useCallback(() => blocked(guard), [guard]), enableBeforeUnload: guard.dirty, disabled: !asks || !touched });
  const note = () => changes.note(form.current);
  return {
    form,
    asking,
    answer,
    /** When it is about to be saved; returns how to take that back. */
    forget: () => {
      const kept = changes.copy();
      guard.forget();
      return () => {
        changes.take(kept);
        setTouched(kept.touched);
      };
    },
    /** For the form: what its controls say before a person changes them, and that one does. */
    listeners: {
      onFocusCapture: note,
      onPointerDownCapture: note,
      onKeyDownCapture: note,
      onChange: () => {
        changes.touched = true;
        setTouched(true);
      },
    },
  };
}

function blocked(guard: Guard): boolean | Promise<boolean> {
  if (!guard.dirty()) return false;
  return new Promise((resolve) => {
    guard.ask((sure) => {
      if (sure) for (const g of guards) g.forget(); // one question is enough
      resolve(!sure);
    });
  });
}

/** What a person has changed. Values that the program sets are none of it. */
class Changes {
  touched = false;
  private before = new Map<Element, string>();

  note(form: HTMLFormElement | null): void {
    for (const control of form?.elements ?? []) {
      if (!this.before.has(control)) this.before.set(control, said(control));
    }
  }

  in(form: HTMLFormElement | null): boolean {
    return this.touched && [...(form?.elements ?? [])].some((control) => (this.before.get(control) ?? said(control)) !== said(control));
  }

  forget(): void {
    this.take(new Changes());
  }

  copy(): Changes {
    const copy = new Changes();
    copy.take(this);
    return copy;
  }

  take({ touched, before }: Changes): void {
    this.touched = touched;
    this.before = new Map(before);
  }
}

function said(control: Element): string {
  if (control instanceof HTMLInputElement && (control.type === "checkbox" || control.type === "radio")) return String(control.checked);
  if (control instanceof HTMLInputElement || control instanceof HTMLSelectElement || control instanceof HTMLTextAreaElement) return control.value;
  return "";
}
