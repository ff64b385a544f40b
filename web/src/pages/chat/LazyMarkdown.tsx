import { lazy, Suspense } from "react";
import { Plain } from "./plain";

const Drawn = lazy(async () => ({ default: (await import("./markdown")).Markdown }));

/** Markdown, whose parser is fetched with the first text: until then the text stands as it is. */
export function Markdown(props: { text: string; streaming?: boolean }) {
  return (
    <Suspense fallback={<div aria-busy="true"><Plain text={props.text} /></div>}>
      <Drawn {...props} />
    </Suspense>
  );
}
