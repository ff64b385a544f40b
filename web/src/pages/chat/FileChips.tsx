import { FileText, Image, RotateCcw, X } from "lucide-react";
import { IconButton } from "@/components/Button";
import { cn } from "@/components/cn";
import { t } from "@/messages";
import { size } from "./files";
import type { Files } from "./useFiles";

/** The files that will go with the message: progress, cancel, and what is wrong with one. */
export function FileChips({ files }: { files: Files }) {
  if (files.items.length === 0) return null;
  return (
    <div className="flex flex-col gap-1">
      <ul aria-label={t("chat.files")} className="flex flex-wrap gap-2">
        {files.items.map((item) => (
          <li
            key={item.id}
            className={cn("flex max-w-full items-center gap-2 rounded-md border px-2 py-1 text-sm", item.state === "failed" ? "border-bad bg-bad-soft" : "border-line bg-sunken")}
          >
            <span aria-hidden className="[&>svg]:size-4">{item.file.type.startsWith("image/") ? <Image /> : <FileText />}</span>
            <span className="min-w-0">
              <span className="block max-w-48 truncate">{item.file.name}</span>
              <span className="block text-xs text-muted">{item.problem ?? size(item.file.size)}</span>
            </span>
            {item.state === "reading" && <progress className="w-16" max={1} value={item.progress} aria-label={t("chat.fileReading", { name: item.file.name })} />}
            {item.state === "failed" && <IconButton label={t("chat.fileRetry", { name: item.file.name })} icon={<RotateCcw />} onClick={() => files.retry(item.id)} />}
            <IconButton
              label={t(item.state === "reading" ? "chat.fileCancel" : "chat.fileRemove", { name: item.file.name })}
              icon={<X />}
              onClick={() => files.remove(item.id)}
            />
          </li>
        ))}
      </ul>
      {files.over && <p role="alert" className="text-sm text-bad">{files.over}</p>}
    </div>
  );
}
