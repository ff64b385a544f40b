import { ArrowDown } from "lucide-react";
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { Button } from "@/components/Button";
import { Skeleton } from "@/components/Skeleton";
import { Failed, useSkeleton } from "@/components/States";
import { t } from "@/messages";
import { useDrawn } from "./drawn";
import { type Box, Follow, scrollsUp } from "./follow";
import { isFinal, type Message } from "./message";
import { type Acts, MessageView } from "./MessageView";
import type { Thread, ThreadState } from "./thread";

interface Props {
  thread: Thread;
  state: ThreadState;
  acts: Acts;
  /** A message that a search found. */
  lit: string | undefined;
}

/** The messages that are shown; older ones come in pages when the reader nears the top. */
export function ThreadView({ thread, state, acts, lit }: Props) {
  const { path } = state;
  const skeleton = useSkeleton(state.loading);
  const scroller = useRef<HTMLDivElement>(null);
  const from = useDrawn(path, useCallback(() => leaveTop(scroller.current), []));
  const { latest, away } = useFollow(scroller, path, state.loading);
  const top = useNear(scroller, () => void thread.older(), state.tree.more && !state.loadingOlder && from === 0);
  useLit(lit, path, from);
  if (state.error !== undefined) return <Failed error={state.error} retry={() => void thread.load()} />;
  let modelBefore: string | undefined;
  return (
    <div className="relative min-h-0 flex-1">
      <div
        ref={scroller}
        role="log"
        aria-live="off"
        aria-label={t("chat.thread")}
        aria-busy={path.some((m) => !isFinal(m))}
        tabIndex={0}
        data-thread
        className="h-full overflow-auto px-4 py-4"
      >
        <div className="mx-auto flex max-w-3xl flex-col gap-5">
          {skeleton && <ThreadSkeleton />}
          {(state.tree.more || from > 0) && (
            <div ref={top} className="text-center [overflow-anchor:none]">
              <Button size="small" busy={state.loadingOlder || from > 0} onClick={() => void thread.older()}>{t("chat.older")}</Button>
            </div>
          )}
          {path.map((m, i) => {
            const before = modelBefore;
            if (m.role === "assistant") modelBefore = m.model;
            if (i < from) return null;
            return (
              <MessageView
                key={m.id}
                m={m}
                modelBefore={before}
                acts={acts}
                busy={i >= path.length - 2 && path.some((x) => !isFinal(x))}
                refused={state.refused?.message === m.id ? state.refused.error : undefined}
                lit={lit === m.id}
              />
            );
          })}
        </div>
      </div>
      {state.lost && <p className="absolute inset-x-0 top-0 bg-warn-soft px-4 py-1 text-center text-sm text-warn">{t("chat.lost")}</p>}
      {away && (
        <Button size="small" className="absolute bottom-3 left-1/2 -translate-x-1/2 shadow-layer" onClick={latest}>
          <ArrowDown aria-hidden className="size-4" />
          {t("chat.latest")}
        </Button>
      )}
      <Status path={path} lost={state.lost} loading={state.loading} />
    </div>
  );
}

/** useFollow keeps the end in view as long as the reader is there. */
function useFollow(scroller: RefObject<HTMLDivElement | null>, path: Message[], loading: boolean) {
  const follow = useRef(new Follow());
  const [away, setAway] = useState(false);
  const box = useCallback((): Box => {
    const e = scroller.current;
    return e ? { top: e.scrollTop, height: e.scrollHeight, view: e.clientHeight } : { top: 0, height: 0, view: 0 };
  }, [scroller]);
  const settle = useCallback(() => {
    const e = scroller.current;
    if (e && follow.current.following) e.scrollTop = e.scrollHeight;
    setAway(!follow.current.following);
  }, [scroller]);

  useLayoutEffect(settle, [settle, path, loading]);
  useEffect(() => {
    const e = scroller.current;
    if (!e) return;
    const scrolled = () => {
      follow.current.scrolled(box());
      setAway(!follow.current.following);
    };
    const pulled = () => {
      follow.current.pulledUp(box());
      setAway(!follow.current.following);
    };
    const wheel = (event: WheelEvent) => event.deltaY < 0 && pulled();
    const key = (event: KeyboardEvent) => event.target === e && scrollsUp(event.key) && pulled();
    let finger = 0;
    const touch = (event: TouchEvent) => {
      const y = event.touches[0]?.clientY ?? 0;
      if (event.type === "touchmove" && y > finger) pulled();
      finger = y;
    };
    const grown = new ResizeObserver(settle); // what is drawn late: colours, diagrams, formulas
    grown.observe(e);
    if (e.firstElementChild) grown.observe(e.firstElementChild);
    const passive = { passive: true } as const;
    e.addEventListener("scroll", scrolled, passive);
    e.addEventListener("wheel", wheel, passive);
    e.addEventListener("keydown", key);
    e.addEventListener("touchstart", touch, passive);
    e.addEventListener("touchmove", touch, passive);
    return () => {
      grown.disconnect();
      e.removeEventListener("scroll", scrolled);
      e.removeEventListener("wheel", wheel);
      e.removeEventListener("keydown", key);
      e.removeEventListener("touchstart", touch);
      e.removeEventListener("touchmove", touch);
    };
  }, [scroller, box, settle]);

  const latest = () => {
    follow.current.latest();
    settle();
    scroller.current?.focus({ preventScroll: true });
  };
  return { latest, away };
}

/** useNear calls when an element comes near the view of the scroller. */
function useNear(scroller: RefObject<HTMLDivElement | null>, near: () => void, on: boolean) {
  const place = useRef<HTMLDivElement>(null);
  const call = useRef(near);
  call.current = near;
  useEffect(() => {
    const e = place.current;
    if (!e || !on || typeof IntersectionObserver === "undefined") return;
    const watch = new IntersectionObserver((entries) => {
      // A busy page is told of several moments at once, and the last one is what is.
      if (!entries.at(-1)?.isIntersecting) return;
      leaveTop(scroller.current);
      call.current();
    }, { root: scroller.current, rootMargin: "400px 0px 0px" });
    watch.observe(e);
    return () => watch.disconnect();
  }, [scroller, on]);
  return place;
}

/** Browsers keep the place of the reader when something comes above, but not at the very top. */
function leaveTop(scroller: HTMLElement | null): void {
  if (scroller?.scrollTop === 0) scroller.scrollTop = 1;
}

/** useLit brings a message that was searched for into view, once it is there. */
function useLit(lit: string | undefined, path: Message[], from: number) {
  const shown = useRef<string>(undefined);
  useEffect(() => {
    if (!lit || shown.current === lit || path.findIndex((m) => m.id === lit) < from) return;
    shown.current = lit;
    document.getElementById(`m-${lit}`)?.scrollIntoView({ block: "center" });
  }, [lit, path, from]);
}

const says = { done: "chat.sayDone", stopped: "chat.sayStopped", cut: "chat.sayCut", failed: "chat.sayFailed", blocked: "chat.sayBlocked", streaming: "chat.sayWriting" } as const;

/** Status tells people who do not see it what becomes of the answer: never word by word. */
function Status({ path, lost, loading }: { path: Message[]; lost: boolean; loading: boolean }) {
  const last = path.at(-1);
  const [first, setFirst] = useState<string>();
  const now = last?.role === "assistant" ? `${last.id} ${last.state}` : "";
  const writing = last?.state === "streaming";
  useEffect(() => {
    // What had ended when the thread was opened is not told.
    if (!loading) setFirst((f) => f ?? (writing ? "" : now));
  }, [loading, now, writing]);
  const text = lost ? t("chat.lost") : now && last && first !== undefined && now !== first ? t(says[last.state]) : "";
  return <p role="status" className="sr-only">{text}</p>;
}

function ThreadSkeleton() {
  return (
    <>
      {[0, 1, 2].map((i) => (
        <div key={i} className="flex flex-col gap-2">
          <Skeleton className="w-24" />
          <Skeleton className="h-16" />
        </div>
      ))}
    </>
  );
}
