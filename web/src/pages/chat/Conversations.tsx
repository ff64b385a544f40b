import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Archive, ArchiveRestore, Download, Ellipsis, Link as LinkIcon, Pencil, Pin, PinOff, Trash2 } from "lucide-react";
import { useEffect, useState } from "react";
import { toast } from "sonner";
import { useAddress } from "@/components/address";
import { Button, IconButton } from "@/components/Button";
import { cn } from "@/components/cn";
import { Input } from "@/components/Form";
import { Menu, type MenuItem } from "@/components/Menu";
import { save } from "@/components/save";
import { SearchField } from "@/components/SearchField";
import { tellFailure } from "@/components/tell";
import { Skeleton } from "@/components/Skeleton";
import { EmptyFiltered, Failed, useSkeleton } from "@/components/States";
import { t } from "@/messages";
import { changeConversation, type ConversationChange, deleteConversation, exportPath, listConversations, restoreConversation } from "./calls";
import { groupByDay } from "./groups";
import type { Conversation } from "./message";

export const conversationsKey = ["conversations"];

/** undoTime is how long the way back is offered; the server keeps it open for longer. */
const undoTime = 10_000;

interface Props {
  current: string | undefined;
  onShare: (c: Conversation) => void;
  /** A conversation was chosen: the drawer that holds the list on phones closes. */
  onChosen?: () => void;
}

/** The person's conversations: by day, the pinned ones on top, and found by titles and texts. */
export function Conversations({ current, onShare, onChosen }: Props) {
  const [address, setAddress] = useAddress();
  const q = address["q"] ?? "";
  const archived = address["archived"] === "1";
  const query = useInfiniteQuery({
    queryKey: [...conversationsKey, { q, archived }],
    queryFn: ({ pageParam, signal }) => listConversations({ q, archived, cursor: pageParam }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next || undefined,
    placeholderData: (before) => before,
  });
  const found = query.data?.pages.flatMap((page) => page.conversations) ?? [];
  const { hasNextPage, isFetching, fetchNextPage } = query;
  useEffect(() => {
    // A search may find nothing in one part of what it looks through.
    if (found.length === 0 && hasNextPage && !isFetching) void fetchNextPage();
  }, [found.length, hasNextPage, isFetching, fetchNextPage]);
  const skeleton = useSkeleton(query.isPending);

  return (
    <nav aria-label={t("chat.conversations")} className="flex h-full min-h-0 flex-col">
      <div className="flex flex-col gap-2 border-b border-line p-3">
        <SearchField label={t("chat.search")} value={q} onChange={(text) => setAddress({ q: text })} />
        <label className="flex min-h-6 items-center gap-2 text-sm text-muted">
          <input type="checkbox" className="size-4 accent-(--accent)" checked={archived} onChange={(e) => setAddress({ archived: e.target.checked ? "1" : undefined })} />
          {t("chat.archivedOnly")}
        </label>
      </div>
      <div className="min-h-0 flex-1 overflow-auto p-2">
        {skeleton && <ListSkeleton />}
        {query.error && <Failed error={query.error} retry={() => void query.refetch()} />}
        {query.isSuccess && found.length === 0 && !isFetching && (q || archived ? (
          <EmptyFiltered
            filters={[
              ...(q ? [{ label: q, remove: () => setAddress({ q: undefined }) }] : []),
              ...(archived ? [{ label: t("chat.archivedOnly"), remove: () => setAddress({ archived: undefined }) }] : []),
            ]}
            clear={() => setAddress({ q: undefined, archived: undefined })}
          />
        ) : (
          <p className="p-2 text-sm text-muted">{t("chat.conversationsEmpty")}</p>
        ))}
        {groupByDay(found, new Date()).map((group) => (
          <section key={group.title} aria-label={group.title} className="mb-3">
            <p aria-hidden className="px-2 pb-1 text-xs font-medium text-muted">{group.title}</p>
            <ul>
              {group.conversations.map((c) => (
                <Item key={c.id} c={c} current={c.id === current} onShare={onShare} onChosen={onChosen} />
              ))}
            </ul>
          </section>
        ))}
        {hasNextPage && (
          <Button size="small" look="quiet" busy={query.isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {t("common.more")}
          </Button>
        )}
      </div>
    </nav>
  );
}

function Item({ c, current, onShare, onChosen }: { c: Conversation; current: boolean; onShare: (c: Conversation) => void; onChosen: (() => void) | undefined }) {
  const [renaming, setRenaming] = useState(false);
  const { change, remove } = useChanges();
  if (renaming) return <li><Rename c={c} close={() => setRenaming(false)} save={(title) => change(c, { title })} /></li>;
  const items: MenuItem[] = [
    { label: t("chat.rename"), icon: <Pencil />, onSelect: () => setRenaming(true) },
    { label: t(c.pinned ? "chat.unpin" : "chat.pin"), icon: c.pinned ? <PinOff /> : <Pin />, onSelect: () => void change(c, { pinned: !c.pinned }) },
    { label: t(c.archived ? "chat.unarchive" : "chat.archive"), icon: c.archived ? <ArchiveRestore /> : <Archive />, onSelect: () => void change(c, { archived: !c.archived }) },
    { label: t("chat.share"), icon: <LinkIcon />, onSelect: () => onShare(c) },
    { label: t("chat.exportMarkdown"), icon: <Download />, onSelect: () => void save(exportPath(c.id, "markdown")) },
    { label: t("chat.exportJSON"), icon: <Download />, onSelect: () => void save(exportPath(c.id, "json")) },
    { label: t("chat.delete"), icon: <Trash2 />, danger: true, onSelect: () => void remove(c, current) },
  ];
  return (
    <li className={cn("group/item flex items-center rounded-md", current ? "bg-accent-soft" : "hover:bg-sunken")}>
      <Link
        to="/chat/$id"
        params={{ id: c.id }}
        search={(before: Record<string, unknown>) => ({ ...before, m: c.hit?.message || undefined, details: undefined }) as never}
        onClick={onChosen}
        aria-current={current ? "page" : undefined}
        className="flex min-h-9 min-w-0 flex-1 flex-col justify-center px-2 py-1 pointer-coarse:min-h-11"
      >
        <span className={cn("truncate", current && "font-medium text-accent-text")}>{c.title || t("chat.untitled")}</span>
        {c.hit && (
          <span className="line-clamp-2 text-xs text-muted">
            {c.hit.before}
            <mark className="rounded-sm bg-warn-soft text-warn">{c.hit.match}</mark>
            {c.hit.after}
          </span>
        )}
      </Link>
      <Menu
        trigger={<IconButton label={t("chat.actionsOf", { title: c.title || t("chat.untitled") })} icon={<Ellipsis />} className="opacity-0 group-hover/item:opacity-100 focus-visible:opacity-100 data-[state=open]:opacity-100 pointer-coarse:opacity-100" />}
        items={items}
      />
    </li>
  );
}

function Rename({ c, close, save }: { c: Conversation; close: () => void; save: (title: string) => Promise<boolean> }) {
  const [title, setTitle] = useState(c.title);
  const done = () => {
    const text = title.trim();
    close();
    if (text && text !== c.title) void save(text);
  };
  return (
    <form onSubmit={(e) => (e.preventDefault(), done())}>
      <Input
        autoFocus
        maxLength={200}
        aria-label={t("chat.titleOf")}
        value={title}
        onChange={(e) => setTitle(e.target.value)}
        onFocus={(e) => e.target.select()}
        onBlur={done}
        onKeyDown={(e) => {
          if (e.key !== "Escape") return;
          e.stopPropagation();
          close();
        }}
      />
    </form>
  );
}

function useChanges() {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const refresh = () => queries.invalidateQueries({ queryKey: conversationsKey });
  const attempt = async (work: () => Promise<unknown>) => {
    try {
      await work();
      return true;
    } catch (error) {
      void tellFailure(error);
      return false;
    } finally {
      await refresh();
    }
  };
  return {
    change: (c: Conversation, change: ConversationChange) =>
      attempt(async () => queries.setQueryData(["conversation", c.id], await changeConversation(c.id, change))),
    remove: async (c: Conversation, current: boolean) => {
      if (!(await attempt(() => deleteConversation(c.id)))) return;
      if (current) await navigate({ to: "/chat", search: (before: Record<string, unknown>) => ({ ...before, m: undefined, details: undefined }) as never });
      toast(t("chat.deleted", { title: c.title || t("chat.untitled") }), {
        duration: undoTime,
        action: { label: t("chat.undo"), onClick: () => void attempt(() => restoreConversation(c.id)) },
      });
    },
  };
}

function ListSkeleton() {
  return (
    <div className="flex flex-col gap-4 p-2">
      {Array.from({ length: 8 }, (_, i) => <Skeleton key={i} />)}
    </div>
  );
}
