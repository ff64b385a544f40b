// What went wrong with an answer, and what the person can do about it.

import { ApiError } from "@/api/client";
import { t } from "@/messages";
import type { Failure } from "./message";

export type Problem = {
  title: string;
  /** The server's own reason. */
  reason: string;
  advice: string;
  requestId: string;
  /** When to try again, in seconds from now. */
  wait: number;
};

/** problemOf reads a refusal of the server. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof ApiError)) {
    return { title: t("chat.failed"), reason: error instanceof Error ? error.message : String(error), advice: t("chat.adviceRetry"), requestId: "", wait: 0 };
  }
  const told = tell(error.status === 0 ? "unreachable" : error.code, error.status);
  return { ...told, reason: error.message, requestId: error.requestId, wait: error.retryAfter ?? 0 };
}

/** problemOfAnswer reads why an answer is not done. Its wait has begun when the answer ended. */
export function problemOfAnswer(failure: Failure | undefined, requestId: string): Problem {
  const told = tell(failure?.code ?? "", 0);
  return { ...told, reason: failure?.message ?? "", requestId, wait: failure?.retry_after ?? 0 };
}

function tell(code: string, status: number): Pick<Problem, "title" | "advice"> {
  switch (code) {
    case "rate_limit_exceeded":
      return { title: t("chat.limited"), advice: t("chat.adviceLimited") };
    case "insufficient_credits":
      return { title: t("chat.noCredits"), advice: t("chat.adviceCredits") };
    case "budget_exceeded":
      return { title: t("chat.overBudget"), advice: t("chat.adviceBudget") };
    case "dlp_blocked":
      return { title: t("chat.blocked"), advice: t("chat.adviceBlocked") };
    case "model_not_found":
    case "model_access_denied":
      return { title: t("chat.noModel"), advice: t("chat.adviceModel") };
    case "body_too_large":
      return { title: t("chat.tooLarge"), advice: t("chat.adviceLarge") };
    case "unreachable":
      return { title: t("chat.unreachable"), advice: t("chat.adviceUnreachable") };
    case "audit_unavailable":
    case "limits_unavailable":
      return { title: t("chat.failed"), advice: t("chat.adviceOperator") };
  }
  if (code.startsWith("upstream_")) return { title: t("chat.providerFailed"), advice: t("chat.adviceProvider") };
  if (status === 429) return { title: t("chat.limited"), advice: t("chat.adviceLimited") };
  if (status === 402) return { title: t("chat.noCredits"), advice: t("chat.adviceCredits") };
  return { title: t("chat.failed"), advice: t("chat.adviceRetry") };
}
