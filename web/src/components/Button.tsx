import { cva, type VariantProps } from "class-variance-authority";
import { LoaderCircle } from "lucide-react";
import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";
import { cn } from "./cn";

export const buttonLook = cva(
  "inline-flex shrink-0 items-center justify-center gap-2 rounded-md border font-medium whitespace-nowrap select-none disabled:opacity-60 aria-disabled:opacity-60",
  {
    variants: {
      look: {
        plain: "border-edge bg-surface text-text hover:bg-sunken",
        primary: "border-transparent bg-accent text-on-accent hover:brightness-110",
        quiet: "border-transparent bg-transparent text-text hover:bg-sunken",
        danger: "border-transparent bg-bad-fill text-on-bad hover:brightness-110",
      },
      size: {
        small: "h-7 px-2 text-sm pointer-coarse:h-11",
        normal: "h-9 px-3 pointer-coarse:h-11",
        icon: "size-8 pointer-coarse:size-11",
      },
    },
    defaultVariants: { look: "plain", size: "normal" },
  },
);

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement>, VariantProps<typeof buttonLook> {
  /** Shows a spinner beside the label, and takes no second press. */
  busy?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ busy, look, size, className, children, onClick, type = "button", ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      className={cn(buttonLook({ look, size }), className)}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      onClick={busy ? (e) => e.preventDefault() : onClick}
      {...rest}
    >
      {busy && <LoaderCircle aria-hidden className="size-4 animate-spin" />}
      {children}
    </button>
  );
}

interface IconButtonProps extends Omit<ButtonProps, "size" | "children"> {
  /** What it does; people who see it get it as a tooltip. */
  label: string;
  icon: ReactNode;
}

export function IconButton({ label, icon, look = "quiet", ...rest }: IconButtonProps) {
  return (
    <Button size="icon" look={look} aria-label={label} title={label} {...rest}>
      <span aria-hidden className="grid size-4 place-items-center [&>svg]:size-4">
        {icon}
      </span>
    </Button>
  );
}
