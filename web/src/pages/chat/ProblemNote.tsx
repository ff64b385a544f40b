import { CircleAlert } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { RequestId } from "@/components/States";
import { t } from "@/messages";
import type { Problem } from "./problems";

/** Says what went wrong, the server's reason, and what to do; actions come back when a wait is over. */
export function ProblemNote({ problem, children, label }: { problem: Problem; children?: ReactNode; label?: string }) {
  const left = useCountdown(problem);
  return (
    <div role="alert" aria-label={label} className="flex flex-col gap-1 rounded-md border border-bad bg-bad-soft p-3 text-sm">
      <p className="flex items-center gap-2 font-medium text-bad">
        <CircleAlert aria-hidden className="size-4 shrink-0" />
        {problem.title}
      </p>
      {problem.reason && <p>{problem.reason}</p>}
      <p>{problem.advice}</p>
      {left > 0 && <p className="tabular">{t("chat.wait", { n: left })}</p>}
      {problem.requestId && <RequestId id={problem.requestId} />}
      {left === 0 && children && <div className="mt-1 flex flex-wrap gap-2">{children}</div>}
    </div>
  );
}

/** useCountdown gives the seconds that are left of a problem's wait. */
export function useCountdown(problem: Problem | undefined): number {
  const [end, setEnd] = useState(0);
  const [now, setNow] = useState(0);
  useEffect(() => {
    if (!problem?.wait) return setEnd(0);
    const start = Date.now();
    setNow(start);
    setEnd(start + problem.wait * 1000);
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, [problem]);
  if (problem?.wait && end === 0) return problem.wait; // before the first tick
  return Math.max(0, Math.ceil((end - now) / 1000));
}
