import {
  Activity, Boxes, ChartNoAxesColumn, Gauge, Library, type LucideIcon, MessageSquare, Play, ScrollText, Send, ShieldCheck, UserRound, UsersRound,
} from "lucide-react";
import type { MessageKey } from "./messages";

export interface Place {
  to: string;
  title: MessageKey;
  icon: LucideIcon;
  /** The operation that the page is of no use without; undefined: it is for everybody. */
  needs?: string;
  /** The second key after G. */
  key?: string;
}

/** The pages of the rail, in its order. */
export const places: Place[] = [
  { to: "/chat", title: "shell.chat", icon: MessageSquare, key: "c" },
  { to: "/agents", title: "shell.agents", icon: Library, key: "a" },
  { to: "/runs", title: "shell.runs", icon: Play, key: "r" },
];

/** The pages of administrators. */
export const adminPlaces: Place[] = [
  { to: "/admin/users", title: "users.title", icon: UserRound, needs: "users.list" },
  { to: "/admin/groups", title: "groups.title", icon: UsersRound, needs: "groups.list" },
  { to: "/admin/models", title: "models.title", icon: Boxes, needs: "models.list_all" },
  { to: "/admin/dlp", title: "dlp.title", icon: ShieldCheck, needs: "policies.get" },
  { to: "/admin/limits", title: "limits.title", icon: Gauge, needs: "budgets.list" },
  { to: "/admin/usage", title: "usage.title", icon: ChartNoAxesColumn, needs: "credits.ledger" },
  { to: "/admin/audit", title: "audit.title", icon: ScrollText, needs: "audit.list" },
  { to: "/admin/sinks", title: "sinks.title", icon: Send, needs: "audit.sinks" },
  { to: "/admin/system", title: "system.title", icon: Activity, needs: "audit.policy" },
];

/** The parts of the settings. */
export const settingsPlaces = [
  { to: "/settings/profile", title: "profile.title" },
  { to: "/settings/api", title: "api.title" },
  { to: "/settings/security", title: "security.title" },
  { to: "/settings/shares", title: "shares.title" },
  { to: "/settings/usage", title: "usage.mine" },
] as const;
