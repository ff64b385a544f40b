import { ArrowUp, Bot, Paperclip, Square } from "lucide-react";
import { type ClipboardEvent, type DragEvent, type KeyboardEvent, type Ref, useEffect, useImperativeHandle, useRef, useState } from "react";
import { useRequestKey } from "@/api/once";
import { Button, IconButton } from "@/components/Button";
import { cn } from "@/components/cn";
import { t } from "@/messages";
import type { Question } from "./calls";
import type { Drafts } from "./drafts";
import { FileChips } from "./FileChips";
import { filesMax, imageMax, imageTypes, size, textMax, uploadsOf } from "./files";
import { ModelButton } from "./ModelPicker";
import { offerFile, type PasteOffer, withoutPaste } from "./paste";
import { ProblemNote, useCountdown } from "./ProblemNote";
import { type Problem, problemOf } from "./problems";
import { useFiles } from "./useFiles";

export type ComposerHandle = {
  focus: () => void;
  /** restore brings back what was refused, unless something else has been typed. */
  restore: (text: string, note: string) => void;
};

interface ComposerProps {
  ref?: Ref<ComposerHandle>;
  drafts: Drafts;
  /** Names the draft. */
  conversation: string;
  model: string;
  answering: boolean;
  /** Rejects with why it was refused; what it gives is done when the draft is gone. */
  onSend: (question: Omit<Question, "parent" | "model">, key: string) => Promise<void | (() => unknown)>;
  onStop: () => void;
  onModel: () => void;
  onAgent: () => void;
}

/** draftPause is how long typing rests before the draft is kept. */
const draftPause = 300;

/** The draft lives here and nowhere above: a key pressed draws this component alone. */
export function Composer({ ref, drafts, conversation, model, answering, onSend, onStop, onModel, onAgent }: ComposerProps) {
  const [text, setText, clearDraft] = useDraft(drafts, conversation);
  const [sending, setSending] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [note, setNote] = useState("");
  const [offer, setOffer] = useState<PasteOffer>();
  const [over, setOver] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const key = useRequestKey();
  const files = useFiles();
  const wait = useCountdown(problem);
  const coarse = matchMedia("(pointer: coarse)").matches;
  const limits = t("chat.fileLimits", { n: filesMax, image: size(imageMax), text: size(textMax), types: imageTypes.map((i) => i.slice(6).toUpperCase()).join(", ") });

  useImperativeHandle(ref, () => ({
    focus: () => area.current?.focus(),
    restore: (refused, why) => {
      setText((now) => now || refused);
      setNote(why);
    },
  }));

  const can = !sending && !answering && wait === 0 && files.ready && (text.trim() !== "" || files.items.length > 0);
  const send = async () => {
    if (!can) return;
    const { items } = files;
    const question = { text, attachments: uploadsOf(items) };
    setSending(true);
    setProblem(undefined);
    try {
      const then = await onSend(question, key.of([text, items.map((i) => i.id)]));
      key.answered();
      clearDraft();
      setNote("");
      setOffer(undefined);
      files.sent(items);
      then?.();
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      setSending(false);
      area.current?.focus();
    }
  };

  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key !== "Enter" || e.shiftKey || e.nativeEvent.isComposing || e.keyCode === 229) return;
    e.preventDefault();
    void send();
  };
  const onPaste = (e: ClipboardEvent) => {
    const pasted = [...e.clipboardData.files];
    if (pasted.length > 0) {
      e.preventDefault();
      files.add(pasted);
      return;
    }
    setOffer(offerFile(e.clipboardData.getData("text/plain")));
  };
  const onDrop = (e: DragEvent) => {
    setOver(false);
    if (e.dataTransfer.files.length === 0) return;
    e.preventDefault();
    files.add(e.dataTransfer.files);
  };
  const takeOffer = () => {
    const rest = offer && withoutPaste(text, offer.text);
    if (!offer || rest === undefined) return setOffer(undefined);
    setText(rest);
    files.add([new File([offer.text], offer.name, { type: offer.type })]);
    setOffer(undefined);
    area.current?.focus();
  };

  return (
    <form
      aria-label={t("chat.composer")}
      onSubmit={(e) => {
        e.preventDefault();
        void send();
      }}
      onDragOver={(e) => {
        if (!e.dataTransfer.types.includes("Files")) return;
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
      className={cn("flex w-full flex-col gap-2 rounded-md border bg-surface p-2", over ? "border-accent bg-accent-soft" : "border-edge")}
    >
      {problem && <ProblemNote problem={problem} />}
      {note && <p role="status" className="text-sm text-warn">{note}</p>}
      {offer && (
        <p className="flex flex-wrap items-center gap-2 text-sm text-muted">
          {t("chat.pasted", { n: offer.lines })}
          <Button size="small" onClick={takeOffer}>{t("chat.pastedAsFile")}</Button>
          <Button size="small" look="quiet" onClick={() => setOffer(undefined)}>{t("chat.pastedKeep")}</Button>
        </p>
      )}
      <FileChips files={files} />
      <textarea
        ref={area}
        value={text}
        onChange={(e) => setText(e.target.value)}
        onKeyDown={onKeyDown}
        onPaste={onPaste}
        readOnly={sending}
        rows={2}
        aria-label={t("chat.message")}
        placeholder={t(coarse ? "chat.messageHintTouch" : "chat.messageHint")}
        className="field-sizing-content max-h-[40dvh] min-h-12 w-full resize-none bg-transparent px-1 outline-none max-md:text-lg"
      />
      <div className="flex items-center gap-1">
        <input ref={picker} type="file" multiple hidden aria-label={t("chat.attach")} onChange={(e) => (files.add(e.target.files ?? []), (e.target.value = ""))} />
        <IconButton label={t("chat.attach")} title={`${t("chat.attach")}: ${limits}`} icon={<Paperclip />} onClick={() => picker.current?.click()} />
        <IconButton label={t("chat.startAgent")} icon={<Bot />} onClick={onAgent} />
        <ModelButton model={model} onOpen={onModel} />
        <span className="ms-auto shrink-0">
          {answering ? (
            <Button look="primary" onClick={onStop} title="Esc">
              <Square aria-hidden className="size-3" fill="currentColor" />
              {t("chat.stop")}
            </Button>
          ) : (
            <Button type="submit" look="primary" busy={sending} disabled={!can && !sending}>
              <ArrowUp aria-hidden className="size-4" />
              {wait > 0 ? t("chat.sendIn", { n: wait }) : t("chat.send")}
            </Button>
          )}
        </span>
      </div>
    </form>
  );
}

/** useDraft keeps the text on this device a little after the last key, and at once when the page goes. */
function useDraft(drafts: Drafts, conversation: string) {
  const [text, setText] = useState(() => drafts.read(conversation));
  const latest = useRef(text);
  const kept = useRef(text);
  useEffect(() => {
    latest.current = text;
    const keep = () => {
      if (kept.current === latest.current) return;
      kept.current = latest.current;
      drafts.write(conversation, latest.current);
    };
    const timer = setTimeout(keep, draftPause);
    addEventListener("pagehide", keep);
    return () => {
      clearTimeout(timer);
      removeEventListener("pagehide", keep);
      keep();
    };
  }, [drafts, conversation, text]);
  const clear = () => {
    latest.current = kept.current = "";
    drafts.write(conversation, "");
    setText("");
  };
  return [text, setText, clear] as const;
}
