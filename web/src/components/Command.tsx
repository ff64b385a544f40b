import { CopyButton } from "./CopyButton";

/** A piece of code or a command, with a button that copies it. */
export function Command({ text, what }: { text: string; what: string }) {
  return (
    <div className="relative rounded-md border border-line bg-sunken">
      <pre tabIndex={0} aria-label={what} className="overflow-x-auto p-3 pe-12 font-mono text-xs leading-5">
        {text}
      </pre>
      <div className="absolute end-1 top-1">
        <CopyButton text={text} what={what} />
      </div>
    </div>
  );
}
