import { useBlocker } from "@tanstack/react-router";
import { type RefObject, useCallback, useEffect, useMemo, useRef, useState } from "react";

/** A part of the screen: what was changed in it is lost when it goes away. */
interface Guard {
  part: RefObject<HTMLElement | null>;
  dirty: () => boolean;
  forget: () => void;
  ask: (answer: (sure: boolean) => void) => void;
}

const guards = new Set<Guard>();

/** Goes at once when nothing in that part of the page has unsaved changes; else that asks first. */
export function leave(part: Node | null, go: () => void): void {
  const unsaved = [...guards].filter((g) => part?.contains(g.part.current) && g.dirty());
  if (!unsaved[0]) return go();
  unsaved[0].ask((sure) => {
    if (!sure) return;
    for (const g of unsaved) g.forget();
    go();
  });
}

/**
 * Asks before another address, or another tab, takes away what is dirty; layers ask by
 * leave(). With asks false nobody is asked. Who uses it renders the question while
 * asking is true.
 */
function useGuard({ part, dirty, forget }: Omit<Guard, "ask">, asks: boolean, touched: boolean) {
  const now = useRef({ dirty, forget });
  now.current = { dirty, forget };
  const pending = useRef<(sure: boolean) => void>(undefined);
  const [asking, setAsking] = useState(false);
  const answer = useCallback((sure: boolean) => {
    setAsking(false);
    pending.current?.(sure);
    pending.current = undefined;
  }, []);
  const guard = useMemo<Guard>(
    () => ({
      part,
      dirty: () => now.current.dirty(),
      forget: () => now.current.forget(),
      ask: (next) => {
        pending.current?.(false); // who asks anew has given up the last way out
        pending.current = next;
        setAsking(true);
      },
    }),
    [part],
  );
  useEffect(() => {
    if (!asks) return;
    guards.add(guard);
    return () => {
      guards.delete(guard);
      answer(false); // the question goes away with what it is about: nobody said yes
    };
  }, [asks, guard, answer]);
  useBlocker({ shouldBlockFn: useCallback(() => blocked(guard), [guard]), enableBeforeUnload: guard.dirty, disabled: !asks || !touched });
  return { asking, answer };
}

/** Knows what a person has changed in a form, and asks before it is lost. */
export function useUnsaved(asks: boolean) {
  const form = useRef<HTMLFormElement>(null);
  const changes = useRef(new Changes()).current;
  const [touched, setTouched] = useState(false);
  const forget = () => {
    changes.forget();
    setTouched(false);
  };
  const question = useGuard({ part: form, dirty: () => changes.in(form.current), forget }, asks, touched);
  const note = () => changes.note(form.current);
  return {
    form,
    ...question,
    /** When it is about to be saved; returns how to take that back. */
    forget: () => {
      const kept = changes.copy();
      forget();
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

/**
 * Asks before a draft that a page holds itself is lost. state is all of the draft as a
 * text, and saved what the server has of it.
 */
export function useUnsavedDraft(state: string, saved: string, asks: boolean) {
  const part = useRef<HTMLDivElement>(null);
  const forgotten = useRef<string>(undefined);
  const forget = () => {
    forgotten.current = state;
    return () => (forgotten.current = undefined);
  };
  const question = useGuard({ part, dirty: () => state !== saved && state !== forgotten.current, forget }, asks, state !== saved);
  return {
    part,
    ...question,
    /** When it is about to be saved; returns how to take that back. */
    forget,
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
