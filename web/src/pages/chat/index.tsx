import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { Link as LinkIcon, PanelLeft, Plus } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { toast } from "sonner";
import { availableModels, beginWith, useAvailableModels } from "@/api/models";
import { newKey } from "@/api/once";
import { useAddress } from "@/components/address";
import { buttonLook, IconButton } from "@/components/Button";
import { copyText } from "@/components/CopyButton";
import { Drawer } from "@/components/Drawer";
import { Page } from "@/components/Page";
import { tellFailure } from "@/components/tell";
import { t } from "@/messages";
import { useSession, useSessionState } from "@/session";
import { AgentStart, useAgents } from "./AgentStart";
import * as calls from "./calls";
import { Composer, type ComposerHandle } from "./Composer";
import { Conversations, conversationsKey } from "./Conversations";
import { Details } from "./Details";
import { Drafts, newDraft } from "./drafts";
import { base64 } from "./files";
import type { Conversation, Message } from "./message";
import type { Acts } from "./MessageView";
import { ModelPicker } from "./ModelPicker";
import { ShareDialog } from "./ShareDialog";
import { Thread, type ThreadState, writing } from "./thread";
import { ThreadView } from "./ThreadView";

export default function Chat() {
  const { id } = useParams({ strict: false }) as { id?: string };
  const { user } = useSession();
  const [listOpen, setListOpen] = useState(false);
  const [sharing, setSharing] = useState<{ conversation: Conversation; leaf: string }>();
  /** The newest message of what is shown: one shares what one sees. */
  const leaf = useRef("");
  const share = (conversation: Conversation) => setSharing({ conversation, leaf: conversation.id === id ? leaf.current : "" });
  const drafts = useMemo(() => new Drafts(user.id), [user.id]);
  const list = (onChosen?: () => void) => <Conversations current={id} onShare={share} onChosen={onChosen} />;
  const conversation = useQuery({ queryKey: ["conversation", id], queryFn: () => calls.getConversation(id!), enabled: id !== undefined });
  const title = id ? conversation.data?.title || t("chat.untitled") : t("chat.new");
  return (
    <Page
      title={title}
      fixed
      actions={
        <>
          <IconButton className="lg:hidden" label={t("chat.conversations")} icon={<PanelLeft />} onClick={() => setListOpen(true)} />
          {conversation.data && <IconButton label={t("chat.share")} icon={<LinkIcon />} onClick={() => share(conversation.data)} />}
          <Link to="/chat" data-shortcut="new" className={buttonLook({ look: "primary", size: "small" })}>
            <Plus aria-hidden className="size-4" />
            {t("chat.new")}
          </Link>
        </>
      }
    >
      <div className="flex min-h-0 flex-1">
        <div className="w-72 shrink-0 border-e border-line bg-surface max-lg:hidden">{list()}</div>
        <Drawer title={t("chat.conversations")} side="left" className="w-80 max-w-[90vw]" open={listOpen} onClose={() => setListOpen(false)}>
          {list(() => setListOpen(false))}
        </Drawer>
        <section aria-label={title} className="flex min-h-0 min-w-0 flex-1 flex-col">
          {id ? <Open key={id} id={id} drafts={drafts} conversation={conversation.data} leaf={leaf} /> : <New drafts={drafts} />}
        </section>
      </div>
      {sharing && <ShareDialog {...sharing} onClose={() => setSharing(undefined)} />}
    </Page>
  );
}

/** New is a conversation that begins with its first message, or with an agent. */
function New({ drafts }: { drafts: Drafts }) {
  const models = useAvailableModels();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [chosen, setChosen] = useState("");
  const [picking, setPicking] = useState(false);
  const [starting, setStarting] = useState<calls.Agent | true>();
  const created = useRef<string>(undefined);
  const here = useRef(false);
  useEffect(() => {
    here.current = true;
    return () => void (here.current = false);
  }, []);
  const model = chosen || beginWith(models.data)?.id || "";
  const agents = useAgents();
  useKeys({ pick: () => setPicking(true) });

  /** Who writes faster than the models come does not have to wait for them before Enter. */
  const beginsWith = async () => model || beginWith(await queries.ensureQueryData(availableModels))?.id || "";
  /** A conversation that was made for a message that was refused is used for the next try. */
  const create = async () => (created.current ??= (await calls.createConversation(await beginsWith())).id);
  /** Goes to the conversation, unless one has gone elsewhere meanwhile. */
  const go = async (id: string) => {
    void queries.invalidateQueries({ queryKey: conversationsKey });
    if (here.current) await navigate({ to: "/chat/$id", params: { id } });
  };
  return (
    <>
      <div className="flex min-h-0 flex-1 flex-col items-center justify-center gap-4 overflow-auto p-4">
        <h2 className="text-xl font-semibold">{t("chat.welcome")}</h2>
        {agents.data && agents.data.agents.length > 0 && (
          <ul aria-label={t("chat.agents")} className="grid w-full max-w-2xl gap-2 sm:grid-cols-2">
            {agents.data.agents.slice(0, 4).map((a) => (
              <li key={a.id}>
                <button type="button" onClick={() => setStarting(a)} className="h-full w-full rounded-md border border-line bg-surface p-3 text-start hover:bg-sunken">
                  <span className="block font-medium">{a.name}</span>
                  <span className="line-clamp-2 text-sm text-muted">{a.description}</span>
                </button>
              </li>
            ))}
          </ul>
        )}
      </div>
      <Bottom>
        <Composer
          ref={useFocus()}
          drafts={drafts}
          conversation={newDraft}
          model={model}
          answering={false}
          onStop={() => {}}
          onModel={() => setPicking(true)}
          onAgent={() => setStarting(true)}
          onSend={async (question, key) => {
            const id = await create();
            await calls.sendMessage(id, { ...question, parent: "", model: await beginsWith() }, key);
            return () => void go(id);
          }}
        />
      </Bottom>
      <ModelPicker open={picking} title={t("chat.pickModel")} model={model} onClose={() => setPicking(false)} onPick={setChosen} />
      {starting && (
        <AgentStart
          agent={starting === true ? undefined : starting}
          onClose={() => setStarting(undefined)}
          onStart={async (agent, inputs, key) => {
            const id = await create();
            await calls.startRun(id, "", agent.id, inputs, key);
            await go(id);
          }}
        />
      )}
    </>
  );
}

/** Open is a conversation with its thread. */
function Open({ id, drafts, conversation, leaf }: { id: string; drafts: Drafts; conversation: Conversation | undefined; leaf: React.RefObject<string> }) {
  const { thread, state } = useThread(id);
  const queries = useQueryClient();
  const [address, setAddress] = useAddress();
  const [picking, setPicking] = useState<Message | "next">();
  const [starting, setStarting] = useState(false);
  const composer = useFocus();
  const { path } = state;
  useEffect(() => void (leaf.current = state.tree.leaf), [leaf, state.tree.leaf]);
  const answering = writing(path);
  /** The model that was just chosen, until the conversation has it. */
  const [chosen, setChosen] = useState<string>();
  const model = chosen ?? conversation?.model ?? "";
  const acts = useActs(thread, setPicking, composer);
  const stop = () => answering && void thread.stopAnswer(answering);
  useKeys({ pick: () => setPicking("next"), stop, copy: () => void copyLast(path) });
  useFound(thread, state, address["m"]);
  useEnds(path, id, composer);

  const choose = async (next: string) => {
    setChosen(next);
    try {
      queries.setQueryData(["conversation", id], await calls.changeConversation(id, { model: next }));
    } catch (failure) {
      void tellFailure(failure);
    }
    setChosen((now) => (now === next ? undefined : now));
  };
  const pick = (next: string) => {
    if (picking === "next") void choose(next);
    else if (picking) void thread.regenerate(picking, next);
  };
  const shown = address["details"] ? state.tree.nodes.get(address["details"]) : undefined;
  return (
    <>
      <ThreadView thread={thread} state={state} acts={acts} lit={address["m"]} />
      <Bottom>
        <Composer
          ref={composer}
          drafts={drafts}
          conversation={id}
          model={model}
          answering={answering !== undefined}
          onStop={stop}
          onModel={() => setPicking("next")}
          onAgent={() => setStarting(true)}
          onSend={async (question, key) => thread.send({ ...question, parent: parentOf(await thread.shown()), model }, key)}
        />
      </Bottom>
      <ModelPicker
        open={picking !== undefined}
        title={t(picking === "next" ? "chat.pickModel" : "chat.regenerateWith")}
        model={picking && picking !== "next" ? picking.model : model}
        onClose={() => setPicking(undefined)}
        onPick={pick}
      />
      <Details m={shown} asked={shown && state.tree.nodes.get(shown.parent)} onClose={() => setAddress({ details: undefined })} />
      {starting && (
        <AgentStart
          onClose={() => setStarting(false)}
          onStart={async (agent, inputs, key) => {
            await calls.startRun(id, (await thread.shown()).at(-1)?.id ?? "", agent.id, inputs, key);
            await thread.load();
          }}
        />
      )}
    </>
  );
}

/** parentOf is where the next message goes: below the last one, but beside a question that was blocked. */
function parentOf(path: Message[]): string {
  const last = path.at(-1);
  if (last?.state === "blocked") return path.at(-2)?.parent ?? "";
  return last?.id ?? "";
}

function Bottom({ children }: { children: React.ReactNode }) {
  return <div className="shrink-0 px-4 pb-3"><div className="mx-auto max-w-3xl">{children}</div></div>;
}

function useThread(id: string): { thread: Thread; state: ThreadState } {
  const thread = useMemo(() => new Thread(id), [id]);
  const state = useSyncExternalStore(thread.subscribe, thread.snapshot);
  const { ended } = useSessionState();
  useEffect(() => {
    thread.start();
    return () => thread.stop();
  }, [thread]);
  useEffect(() => {
    if (!ended) thread.rejoin(); // after signing in again
  }, [ended, thread]);
  return { thread, state };
}

function useActs(thread: Thread, pick: (m: Message) => void, composer: React.RefObject<ComposerHandle | null>): Acts {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [, setAddress] = useAddress();
  const set = useRef(setAddress);
  set.current = setAddress;
  return useMemo<Acts>(
    () => ({
      regenerate: (m) => void thread.regenerate(m),
      regenerateWith: pick,
      resume: (m) => void thread.resume(m),
      edit: (m, text) => editMessage(thread, m, text),
      editBlocked: (m) => {
        composer.current?.restore(thread.snapshot().tree.nodes.get(m.parent)?.text ?? "", "");
        composer.current?.focus();
      },
      version: (m, which) => void thread.version(m, which),
      fork: (m) =>
        void calls.forkConversation(thread.id, m.id).then(
          async (made) => {
            void queries.invalidateQueries({ queryKey: conversationsKey });
            await navigate({ to: "/chat/$id", params: { id: made.id } });
            toast.success(t("chat.forked"));
          },
          tellFailure,
        ),
      rate: (m, value) => void thread.rate(m, value),
      details: (m) => set.current({ details: m.id }, "push"),
      forgive: () => thread.forgive(),
    }),
    [thread, pick, composer, navigate, queries],
  );
}

/** editMessage asks the changed question beside the old one, with the files that it had. */
async function editMessage(thread: Thread, m: Message, text: string): Promise<void> {
  const attachments = await Promise.all(
    m.attachments.map(async (f) => ({ name: f.name, type: f.type, data: await base64Of(await calls.readAttachment(thread.id, f.id)) })),
  );
  await thread.send({ parent: m.parent, text, model: "", attachments }, newKey());
}

async function base64Of(blob: Blob): Promise<string> {
  return base64(new Uint8Array(await blob.arrayBuffer()));
}

/** useFocus puts the cursor into the composer, except where that opens a keyboard over the page. */
function useFocus() {
  const composer = useRef<ComposerHandle>(null);
  useEffect(() => {
    if (!matchMedia("(pointer: coarse)").matches) composer.current?.focus();
  }, []);
  return composer;
}

interface Keys {
  pick: () => void;
  stop?: () => void;
  copy?: () => void;
}

function useKeys(keys: Keys) {
  const now = useRef(keys);
  now.current = keys;
  useEffect(() => {
    const pressed = (e: KeyboardEvent) => {
      if (e.defaultPrevented) return;
      const alt = e.altKey && e.shiftKey && !e.ctrlKey && !e.metaKey;
      if (alt && e.code === "KeyM") now.current.pick();
      else if (alt && e.code === "KeyC" && now.current.copy) now.current.copy();
      else if (e.key === "Escape" && now.current.stop && !e.isComposing && !document.querySelector('[role="dialog"], [role="menu"]')) now.current.stop();
      else return;
      e.preventDefault();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

async function copyLast(path: Message[]): Promise<void> {
  const last = path.findLast((m) => m.role === "assistant");
  if (!last) return;
  if (await copyText(last.text)) toast.success(t("chat.copiedLast"));
  else toast.error(t("common.copyFailed"));
}

/** useFound shows the branch of a message that a search found, when it is not on the one that is shown. */
function useFound(thread: Thread, state: ThreadState, message: string | undefined) {
  const loaded = !state.loading;
  useEffect(() => {
    if (!message || !loaded) return;
    const find = async () => {
      if (!thread.snapshot().path.some((m) => m.id === message)) await thread.found(message);
      while (!thread.snapshot().path.some((m) => m.id === message) && thread.snapshot().tree.more && thread.snapshot().refused === undefined) await thread.older();
    };
    find().catch(tellFailure);
  }, [thread, loaded, message]);
}

/** useEnds does what an answer's end brings: a new title and order, and the draft of a message that was blocked. */
function useEnds(path: Message[], id: string, composer: React.RefObject<ComposerHandle | null>) {
  const queries = useQueryClient();
  const last = path.at(-1);
  const before = useRef<Message>(undefined);
  const refresh = useCallback(() => {
    void queries.invalidateQueries({ queryKey: conversationsKey });
    void queries.invalidateQueries({ queryKey: ["conversation", id] });
  }, [queries, id]);
  useEffect(() => {
    const ended = before.current?.state === "streaming" && last?.id === before.current.id && last.state !== "streaming";
    const begun = last?.state === "streaming" && before.current?.id !== last.id;
    before.current = last;
    if (ended || begun) refresh();
    if (ended && last.state === "blocked") composer.current?.restore(path.at(-2)?.text ?? "", t("chat.blockedDraft"));
  }, [last, path, refresh, composer]);
}
