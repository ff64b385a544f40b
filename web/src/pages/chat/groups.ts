// Conversations stand under the day on which they were last used, pinned ones on top.

import { locale, t } from "@/messages";
import type { Conversation } from "./message";

export type Group = { title: string; conversations: Conversation[] };

const day = 24 * 60 * 60 * 1000;
const month = new Intl.DateTimeFormat(locale, { month: "long", year: "numeric" });

/** groupByDay keeps the order that the server gave. */
export function groupByDay(conversations: Conversation[], now: Date): Group[] {
  const groups: Group[] = [];
  for (const c of conversations) {
    const title = c.pinned ? t("chat.pinned") : titleOf(new Date(c.updated_at), now);
    const group = groups.find((g) => g.title === title);
    if (group) group.conversations.push(c);
    else groups.push({ title, conversations: [c] });
  }
  return groups;
}

function titleOf(at: Date, now: Date): string {
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const days = Math.ceil((today.getTime() - at.getTime()) / day);
  if (days <= 0) return t("chat.today");
  if (days <= 1) return t("chat.yesterday");
  if (days <= 7) return t("chat.lastWeek");
  if (days <= 30) return t("chat.lastMonth");
  return month.format(at);
}
