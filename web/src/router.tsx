import { createRootRoute, createRoute, createRouter, Navigate, Outlet } from "@tanstack/react-router";
import { parseSearch, stringifySearch } from "./components/address";
import { type Page, page } from "./page";
import { root } from "./root";
import { NotFound, PageFailed } from "./shell/NotFound";
import { Shell } from "./shell/Shell";

// Every address of the Terminal, and the folder of its page. Each page is
// loaded when it is first visited.

const rootRoute = createRootRoute({ component: Outlet, errorComponent: PageFailed });
const inside = createRoute({ getParentRoute: () => rootRoute, id: "inside", component: Shell });

const outside = [
  createRoute({ getParentRoute: () => rootRoute, path: "/sign-in", component: page(() => import("./pages/signin")) }),
  createRoute({ getParentRoute: () => rootRoute, path: "/setup", component: page(() => import("./pages/setup")) }),
  createRoute({ getParentRoute: () => rootRoute, path: "/invite", component: page(() => import("./pages/invite")) }),
];

const chat = page(() => import("./pages/chat"));
const settings = page(() => import("./pages/settings"));
const settingsRoute = createRoute({ getParentRoute: () => inside, path: "/settings", component: settings });

const pages = [
  createRoute({ getParentRoute: () => inside, path: "/", component: Object.assign(() => <Navigate to="/chat" replace />, { ahead: chat.ahead }) }),
  createRoute({ getParentRoute: () => inside, path: "/chat", component: chat }),
  createRoute({ getParentRoute: () => inside, path: "/chat/$id", component: chat }),
  createRoute({ getParentRoute: () => inside, path: "/shared/$id", component: page(() => import("./pages/shared")) }),
  createRoute({ getParentRoute: () => inside, path: "/agents", component: page(() => import("./pages/agents")) }),
  createRoute({ getParentRoute: () => inside, path: "/agents/$id", component: page(() => import("./pages/agents/Agent")) }),
  createRoute({ getParentRoute: () => inside, path: "/runs", component: page(() => import("./pages/runs")) }),
  createRoute({ getParentRoute: () => inside, path: "/runs/$id", component: page(() => import("./pages/runs/Run")) }),
  createRoute({ getParentRoute: () => inside, path: "/admin", component: () => <Navigate to="/admin/users" replace /> }),
  createRoute({ getParentRoute: () => inside, path: "/admin/users", component: page(() => import("./pages/users")) }),
  createRoute({ getParentRoute: () => inside, path: "/admin/groups", component: page(() => import("./pages/groups")) }),
  createRoute({ getParentRoute: () => inside, path: "/admin/models", component: page(() => import("./pages/models")) }),
  createRoute({ getParentRoute: () => inside, path: "/admin/dlp", component: page(() => import("./pages/dlp")) }),
  createRoute({ getParentRoute: () => inside, path: "/admin/limits", component: page(() => import("./pages/limits")) }),
  createRoute({ getParentRoute: () => inside, path: "/admin/usage", component: page(() => import("./pages/usage")) }),
  createRoute({ getParentRoute: () => inside, path: "/admin/audit", component: page(() => import("./pages/audit")) }),
  createRoute({ getParentRoute: () => inside, path: "/admin/sinks", component: page(() => import("./pages/sinks")) }),
  createRoute({ getParentRoute: () => inside, path: "/admin/system", component: page(() => import("./pages/system")) }),
  settingsRoute.addChildren([
    createRoute({ getParentRoute: () => settingsRoute, path: "/", component: () => <Navigate to="/settings/profile" replace /> }),
    createRoute({ getParentRoute: () => settingsRoute, path: "/profile", component: page(() => import("./pages/profile")) }),
    createRoute({ getParentRoute: () => settingsRoute, path: "/api", component: page(() => import("./pages/api")) }),
    createRoute({ getParentRoute: () => settingsRoute, path: "/security", component: page(() => import("./pages/security")) }),
    createRoute({ getParentRoute: () => settingsRoute, path: "/shares", component: page(() => import("./pages/shares")) }),
    createRoute({ getParentRoute: () => settingsRoute, path: "/usage", component: page(() => import("./pages/usage/Mine")) }),
  ]),
  createRoute({ getParentRoute: () => inside, path: "$", component: NotFound }),
];

export const router = createRouter({
  routeTree: rootRoute.addChildren([...outside, inside.addChildren(pages)]),
  basepath: root,
  parseSearch,
  stringifySearch,
  scrollRestoration: true,
});

// The page of the first address is loaded while the session is asked for and the
// frame is drawn, not after them; to ask for its files takes a moment of its own.
const [, , first] = router.getMatchedRoutes(router.latestLocation.pathname);
setTimeout(() => (first?.options.component as Partial<Page> | undefined)?.ahead?.());
