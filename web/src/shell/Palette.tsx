import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Command } from "cmdk";
import { type ReactNode, useDeferredValue, useState } from "react";
import { api, ask, call } from "@/api/client";
import { useGo } from "@/components/address";
import { tellFailure } from "@/components/tell";
import { t } from "@/messages";
import { adminPlaces, places, settingsPlaces } from "@/navigation";
import { useSession, useSessionState } from "@/session";
import { setTheme } from "@/theme";

interface PaletteProps {
  onClose: () => void;
  onKeys: () => void;
}

/** How many chats and agents are offered. */
const offeredMax = 8;

/** Reaches everything by a few letters. It loads when it is first opened. */
export default function Palette({ onClose, onKeys }: PaletteProps) {
  const [text, setText] = useState("");
  const { can } = useSession();
  const { signOut } = useSessionState();
  const visit = useGo();
  const act = (f: () => unknown) => () => {
    onClose();
    f();
  };
  const go = (to: string) => act(() => visit(to));
  const pages = [...places, ...adminPlaces.filter((place) => !place.needs || can(place.needs)), ...settingsPlaces];
  return (
    <Command.Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      label={t("palette.title")}
      overlayClassName="fixed inset-0 z-40 bg-black/40"
      contentClassName="fixed top-[12vh] left-1/2 z-50 w-[min(560px,calc(100vw-2rem))] -translate-x-1/2 overflow-hidden rounded-md border border-line bg-surface shadow-layer"
    >
      <Command.Input value={text} onValueChange={setText} placeholder={t("palette.placeholder")} className="h-11 w-full border-b border-line bg-surface px-4 text-lg" />
      <Command.List className="max-h-[50vh] overflow-auto p-1" label={t("palette.title")}>
        <Command.Empty className="p-4 text-muted">{t("palette.nothing")}</Command.Empty>
        <Group heading={t("palette.actions")}>
          <Item onSelect={go("/chat")}>{t("palette.newChat")}</Item>
          {can("keys.create") && <Item onSelect={go("/settings/api?new=key")}>{t("palette.newKey")}</Item>}
          <Item onSelect={act(() => setTheme("light"))}>{t("palette.light")}</Item>
          <Item onSelect={act(() => setTheme("dark"))}>{t("palette.dark")}</Item>
          <Item onSelect={act(() => setTheme("system"))}>{t("palette.system")}</Item>
          <Item onSelect={act(onKeys)}>{t("palette.keys")}</Item>
          <Item onSelect={act(() => void signOut().catch(tellFailure))}>{t("shell.signOut")}</Item>
        </Group>
        <Group heading={t("palette.pages")}>
          {pages.map((place) => (
            <Item key={place.to} onSelect={go(place.to)}>
              {t(place.title)}
            </Item>
          ))}
        </Group>
        <Found text={useDeferredValue(text)} go={go} />
      </Command.List>
    </Command.Dialog>
  );
}

/** Chats and agents, found by the server: the browser does not have them all. */
function Found({ text, go }: { text: string; go: (to: string) => () => void }) {
  const chats = useQuery({
    queryKey: ["palette", "chats", text],
    queryFn: () => call<{ conversations: { id: string; title: string }[] | null }>("GET", `/api/v1/conversations?limit=${offeredMax}&q=${encodeURIComponent(text)}`),
    placeholderData: keepPreviousData,
  });
  const agents = useQuery({
    queryKey: ["palette", "agents", text],
    queryFn: () => ask(api.GET("/api/v1/agents", { params: { query: { limit: offeredMax, q: text } } })),
    placeholderData: keepPreviousData,
  });
  return (
    <>
      <Group heading={t("palette.agents")}>
        {agents.data?.agents?.map((agent) => (
          <Item key={agent.id} value={`agent ${agent.id} ${agent.name}`} onSelect={go(`/agents/${agent.id}`)}>
            {agent.name}
          </Item>
        ))}
      </Group>
      <Group heading={t("palette.chats")}>
        {chats.data?.conversations?.map((chat) => (
          // What the server found by its text need not have the words in its title.
          <Item key={chat.id} value={`chat ${chat.id} ${chat.title} ${text}`} onSelect={go(`/chat/${chat.id}`)}>
            {chat.title}
          </Item>
        ))}
      </Group>
    </>
  );
}

function Group({ heading, children }: { heading: string; children: ReactNode }) {
  return (
    <Command.Group heading={heading} className="[&_[cmdk-group-heading]]:px-3 [&_[cmdk-group-heading]]:py-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-muted">
      {children}
    </Command.Group>
  );
}

function Item({ children, value, onSelect }: { children: ReactNode; value?: string; onSelect: () => void }) {
  return (
    <Command.Item value={value} onSelect={onSelect} className="flex min-h-9 cursor-pointer items-center rounded-sm px-3 data-[selected=true]:bg-accent-soft data-[selected=true]:text-text">
      <span className="truncate">{children}</span>
    </Command.Item>
  );
}
