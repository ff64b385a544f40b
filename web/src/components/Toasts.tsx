import { Toaster } from "sonner";
import { useTheme } from "@/theme";

/** Where toasts appear. Pages say toast.success(…) of sonner; errors belong in their place, not here. */
export default function Toasts() {
  const { dark } = useTheme();
  return (
    <Toaster
      theme={dark ? "dark" : "light"}
      position="bottom-right"
      toastOptions={{
        style: { background: "var(--surface)", color: "var(--text)", border: "1px solid var(--line)", boxShadow: "var(--shadow)" },
      }}
    />
  );
}
