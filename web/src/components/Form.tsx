import { createContext, type ComponentProps, type FormEvent, type ReactNode, useContext, useEffect, useId, useRef, useState } from "react";
import { ApiError } from "@/api/client";
import { useConnection } from "@/connection";
import { t } from "@/messages";
import { Button } from "./Button";
import { cn } from "./cn";
import { LeaveDialog } from "./LeaveDialog";
import { RequestId } from "./States";
import { leave, useUnsaved } from "./unsaved";

interface FieldIds {
  id: string;
  describedBy: string | undefined;
  invalid: boolean;
}

const FieldContext = createContext<FieldIds | null>(null);

interface FieldProps {
  label: string;
  /** Below the control. */
  help?: ReactNode;
  /** What is wrong with the value, next to it. */
  error?: string | undefined;
  optional?: boolean;
  className?: string;
  children: ReactNode;
}

/** A label above, the control, help and error below; the control inside finds its ids itself. */
export function Field({ label, help, error, optional, className, children }: FieldProps) {
  const id = useId();
  const describedBy = [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return (
    <FieldContext value={{ id, describedBy, invalid: !!error }}>
      <div className={cn("flex flex-col gap-1", className)}>
        <label htmlFor={id} className="font-medium">
          {label}
          {optional && <span className="font-normal text-muted"> ({t("common.optional")})</span>}
        </label>
        {children}
        {help && (
          <p id={`${id}-help`} className="text-sm text-muted">
            {help}
          </p>
        )}
        {error && (
          <p id={`${id}-error`} className="text-sm text-bad">
            {error}
          </p>
        )}
      </div>
    </FieldContext>
  );
}

function useControl() {
  const field = useContext(FieldContext);
  return field ? { id: field.id, "aria-describedby": field.describedBy, "aria-invalid": field.invalid || undefined } : {};
}

const controlLook =
  "w-full min-w-0 rounded-md border border-edge bg-surface px-3 text-text aria-invalid:border-bad disabled:bg-sunken disabled:text-muted max-md:text-lg";

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input {...useControl()} className={cn(controlLook, "h-9 pointer-coarse:h-11", className)} {...rest} />;
}

export function TextArea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea {...useControl()} className={cn(controlLook, "min-h-20 py-2", className)} {...rest} />;
}

export function Select({ className, ...rest }: ComponentProps<"select">) {
  return <select {...useControl()} className={cn(controlLook, "h-9 pointer-coarse:h-11", className)} {...rest} />;
}

interface SwitchProps extends Omit<ComponentProps<"input">, "type" | "children"> {
  label: ReactNode;
  help?: ReactNode;
}

/** A box to tick, with its label beside it. */
export function Checkbox({ label, help, className, ...rest }: SwitchProps) {
  const id = useId();
  return (
    <div className={cn("flex items-start gap-2", className)}>
      <input id={id} type="checkbox" aria-describedby={help ? `${id}-help` : undefined} className="mt-0.5 size-4 shrink-0 accent-(--accent) pointer-coarse:size-6" {...rest} />
      <div>
        <label htmlFor={id}>{label}</label>
        {help && (
          <p id={`${id}-help`} className="text-sm text-muted">
            {help}
          </p>
        )}
      </div>
    </div>
  );
}

/** Why a form was refused. The focus goes there, so that it is read. */
export function FormError({ error }: { error: unknown }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (error) box.current?.focus();
  }, [error]);
  if (!error) return null;
  const known = error instanceof ApiError ? error : undefined;
  return (
    <div ref={box} tabIndex={-1} role="alert" className="flex flex-col gap-1 rounded-md bg-bad-soft p-3 text-text outline-none">
      <p className="font-medium">{known?.status === 0 ? t("common.failedOffline") : error instanceof Error ? error.message : String(error)}</p>
      {known?.fields.map((field) => <p key={field}>{field}</p>)}
      {known?.retryAfter !== undefined && <Wait seconds={known.retryAfter} />}
      {known?.requestId && <RequestId id={known.requestId} />}
    </div>
  );
}

/** Counts down to when the server will take another try. */
function Wait({ seconds }: { seconds: number }) {
  const left = useCountdown(seconds);
  return left > 0 ? <p>{t("common.limitWait", { n: left })}</p> : null;
}

/** The seconds that are left, counted from when this was first shown. */
export function useCountdown(seconds: number): number {
  const [left, setLeft] = useState(Math.ceil(seconds));
  useEffect(() => {
    const until = Date.now() + seconds * 1000;
    const timer = setInterval(() => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000))), 250);
    return () => clearInterval(timer);
  }, [seconds]);
  return left;
}

interface FormProps {
  /**
   * Throws ApiError when the server refuses; the form shows why and keeps what was
   * typed. Resolves to false when what was typed is not saved yet.
   */
  onSubmit: (form: HTMLFormElement) => Promise<unknown>;
  submit: string;
  onCancel?: () => void;
  /** Whether leaving it with unsaved changes asks. */
  asks?: boolean;
  className?: string;
  children: ReactNode;
}

/**
 * A form that is sent once, shows why it was refused, is sent with Ctrl or Cmd
 * Enter from any field, and asks before its changes are lost.
 */
export function Form({ onSubmit, submit, onCancel, asks = true, className, children }: FormProps) {
  const unsaved = useUnsaved(asks);
  const { lost } = useConnection();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const send = async (e: FormEvent<HTMLFormElement>) => {
    e.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(null);
    // Who saves often leaves at once, and is not to be asked then.
    const restore = unsaved.forget();
    try {
      if ((await onSubmit(e.currentTarget)) === false) restore();
    } catch (failure) {
      restore();
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <form
        ref={unsaved.form}
        className={cn("flex flex-col gap-4", className)}
        onSubmit={send}
        onKeyDown={(e) => {
          if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) e.currentTarget.requestSubmit();
        }}
        {...unsaved.listeners}
      >
        <FormError error={error} />
        {children}
        <div className="flex flex-wrap justify-end gap-2">
          {onCancel && <Button onClick={() => leave(unsaved.form.current, onCancel)}>{t("common.cancel")}</Button>}
          <Button type="submit" look="primary" busy={busy} disabled={lost}>
            {submit}
          </Button>
        </div>
      </form>
      {unsaved.asking && <LeaveDialog answer={unsaved.answer} />}
    </>
  );
}
