import "./styles.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { lazy, StrictMode, Suspense } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/client";
import { router } from "./router";
import { SessionProvider } from "./session";

// Nobody needs a toast for the first paint.
const Toasts = lazy(() => import("./components/Toasts"));

/** What the server refused is refused again; only what did not reach it is worth another try. */
const triesMax = 3;

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      retry: (count, error) => count < triesMax && error instanceof ApiError && error.unreachable,
    },
  },
});

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <SessionProvider>
        <RouterProvider router={router} />
        <Suspense>
          <Toasts />
        </Suspense>
      </SessionProvider>
    </QueryClientProvider>
  </StrictMode>,
);
