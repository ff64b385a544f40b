import { Credits } from "@/components/Amount";
import { CopyButton } from "@/components/CopyButton";
import { t } from "@/messages";
import { Markdown } from "@/pages/chat/LazyMarkdown";
import type { Step, WholeRun } from "./calls";
import { Duration, StateChip } from "./RunState";

/** One step: what it was asked, what came, and how. Errors are open. */
export function StepCard({ step, output, error }: { step: Step; output: string; error: WholeRun["error"] }) {
  const name = step.name || t("runs.stepNumber", { n: step.index + 1 });
  const running = step.state === "in_progress";
  const failed = step.attempts.filter((a) => a.code);
  return (
    <li className="rounded-md border border-line bg-surface" data-step={step.index} data-state={step.state}>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 px-3 py-2">
        <span className="text-muted tabular">{step.index + 1}</span>
        <h3 className="font-medium">{name}</h3>
        <StateChip state={step.state} />
        <span className="ms-auto flex flex-wrap gap-x-3 text-sm text-muted">
          <code>{step.model}</code>
          <Duration from={step.begun_at} to={step.ended_at} running={running} />
          {Number(step.credits) > 0 && <Credits amount={step.credits} />}
        </span>
      </div>
      {error && (
        <p role="alert" className="mx-3 mb-2 rounded-md bg-bad-soft p-2">
          <span className="font-medium">{error.message}</span> <code className="text-sm">{error.code}</code>
        </p>
      )}
      {failed.length > 0 && (
        <ul className="mx-3 mb-2 text-sm text-muted">
          {failed.map((a) => (
            <li key={a.n}>{t(a.code === "interrupted" ? "runs.attemptInterrupted" : "runs.attemptFailed", { n: step.attempts.indexOf(a) + 1, code: a.code ?? "" })}</li>
          ))}
        </ul>
      )}
      {step.prompt && <Input step={step} name={name} />}
      {(output || running) && (
        <div className="border-t border-line px-3 py-2">
          <div className="flex items-center">
            <h4 className="text-sm font-medium text-muted">{t("runs.output")}</h4>
            {output && <span className="ms-auto"><CopyButton text={output} what={t("runs.outputOf", { name })} /></span>}
          </div>
          {output ? <Markdown text={output} streaming={running} /> : <p className="text-muted">{t("runs.waiting")}</p>}
        </div>
      )}
    </li>
  );
}

function Input({ step, name }: { step: Step; name: string }) {
  const text = [step.system, step.prompt].filter(Boolean).join("\n\n");
  return (
    <details className="border-t border-line px-3 py-2">
      <summary className="cursor-pointer text-sm font-medium text-muted">{t("runs.input")}</summary>
      <div className="flex justify-end"><CopyButton text={text} what={t("runs.inputOf", { name })} /></div>
      {step.system && <Written label={t("runs.systemPrompt")} text={step.system} />}
      <Written label={t("runs.prompt")} text={step.prompt ?? ""} />
      {step.prompt_cut && <p className="text-sm text-muted">{t("runs.promptCut")}</p>}
    </details>
  );
}

/** Text as it was written: it is data, and nothing in it is drawn. */
export function Written({ label, text }: { label: string; text: string }) {
  return (
    <>
      <p className="mt-1 text-sm text-muted">{label}</p>
      <pre tabIndex={0} role="group" aria-label={label} className="max-h-80 overflow-auto rounded-md bg-sunken p-2 text-sm whitespace-pre-wrap wrap-anywhere">{text}</pre>
    </>
  );
}
