import { Search } from "lucide-react";
import { useEffect, useEffectEvent, useRef, useState } from "react";
import { cn } from "./cn";
import { Input } from "./Form";

/** How long typing rests before anybody is asked. */
const searchPause = 250;

interface SearchFieldProps {
  label: string;
  /** What is searched for now; the address may have it. */
  value: string;
  onChange: (text: string) => void;
  className?: string;
  autoFocus?: boolean;
  /** Not the field that "/" goes to: a page has one. */
  second?: boolean;
}

/** A field that searches while one types. It keeps what is typed itself, so that no letter waits for an answer. */
export function SearchField({ label, value, onChange, className, autoFocus, second }: SearchFieldProps) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  const tell = useEffectEvent(onChange);
  useEffect(() => {
    if (value === told.current) return; // it comes back after more was typed
    told.current = value;
    setText(value);
  }, [value]);
  useEffect(() => {
    if (text === told.current) return;
    const timer = setTimeout(() => {
      told.current = text;
      tell(text);
    }, searchPause);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <div className={cn("relative", className)}>
      <Search aria-hidden className="absolute start-2.5 top-2.5 size-4 text-muted pointer-coarse:top-3.5" />
      <Input
        type="search"
        data-shortcut={second ? undefined : "search"}
        autoFocus={autoFocus}
        aria-label={label}
        placeholder={label}
        className="ps-8"
        value={text}
        onChange={(e) => setText(e.target.value)}
      />
    </div>
  );
}
