import { useEffect, useRef, useState } from "react";
import { newKey } from "@/api/once";
import { type FileItem, problemWith, readFile, whatIsOver } from "./files";

export type Files = {
  items: FileItem[];
  /** All are read, none failed, and together they are within the bounds. */
  ready: boolean;
  over: string | undefined;
  add: (files: Iterable<File>) => void;
  retry: (id: string) => void;
  remove: (id: string) => void;
  /** Takes away what was sent; what was added meanwhile stays. */
  sent: (items: FileItem[]) => void;
};

/** useFiles reads files as soon as they are added; each can be cancelled and tried again. */
export function useFiles(): Files {
  const [items, setItems] = useState<FileItem[]>([]);
  const readers = useRef(new Map<string, AbortController>());
  useEffect(() => {
    const all = readers.current;
    return () => all.forEach((reader) => reader.abort());
  }, []);

  const change = (id: string, more: Partial<FileItem>) => setItems((now) => now.map((i) => (i.id === id ? { ...i, ...more } : i)));
  const read = async (item: FileItem) => {
    const control = new AbortController();
    readers.current.set(item.id, control);
    try {
      const data = await readFile(item.file, (progress) => change(item.id, { progress }), control.signal);
      change(item.id, { state: "ready", progress: 1, data });
    } catch (error) {
      if (!control.signal.aborted) change(item.id, { state: "failed", problem: error instanceof Error ? error.message : String(error) });
    }
  };
  const begin = (file: File, id: string): FileItem => {
    const problem = problemWith(file);
    const item: FileItem = problem ? { id, file, state: "failed", progress: 0, problem } : { id, file, state: "reading", progress: 0 };
    if (!problem) void read(item);
    return item;
  };

  const over = whatIsOver(items);
  return {
    items,
    over,
    ready: !over && items.every((i) => i.state === "ready"),
    add: (files) => {
      const added = [...files].map((file) => begin(file, newKey()));
      setItems((now) => [...now, ...added]);
    },
    retry: (id) => {
      const item = items.find((i) => i.id === id);
      if (item) change(id, { problem: undefined, ...begin(item.file, id) });
    },
    remove: (id) => {
      readers.current.get(id)?.abort();
      readers.current.delete(id);
      setItems((now) => now.filter((i) => i.id !== id));
    },
    sent: (gone) => {
      for (const { id } of gone) readers.current.delete(id);
      setItems((now) => now.filter((i) => !gone.some(({ id }) => id === i.id)));
    },
  };
}
