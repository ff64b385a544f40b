// A conversation that is open: its tree as far as it was loaded, and the answers
// that are being written, each joined until its end. The server does the work and
// keeps it; leaving the page stops nothing, and coming back joins again.

import { ApiError } from "@/api/client";
import { joinEvents, openEvents, Refused, type ServerEvent } from "@/api/events";
import { applyEvents } from "./apply";
import * as calls from "./calls";
import { isFinal, type Message } from "./message";
import { Pace } from "./pace";
import { changed, emptyTree, loaded, pathOf, placeOf, sent, streamingOf, type Tree } from "./tree";

export type ThreadState = {
  readonly tree: Tree;
  /** What is shown, oldest first. */
  readonly path: Message[];
  readonly loading: boolean;
  readonly loadingOlder: boolean;
  readonly error: unknown;
  /** The connection to an answer was lost; it is being joined again. */
  readonly lost: boolean;
  /** An act on a message was refused: which, and why. */
  readonly refused: { message: string; error: unknown } | undefined;
};

const empty: ThreadState = { tree: emptyTree, path: [], loading: true, loadingOlder: false, error: undefined, lost: false, refused: undefined };

export class Thread {
  private state = empty;
  private readonly listeners = new Set<() => void>();
  private readonly joins = new Map<string, AbortController>();
  private readonly waiting = new Map<string, ServerEvent[]>();
  private readonly lost = new Set<string>();
  private pace = new Pace(() => this.takeEvents());
  private started = false;
  private reading: Promise<void> = Promise.resolve();
  private readingOlder: Promise<void> | undefined;

  readonly id: string;

  constructor(id: string) {
    this.id = id;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): ThreadState => this.state;

  /** start loads the thread and joins what is being written; stop leaves. Both may be repeated. */
  start(): void {
    if (this.started) return;
    this.started = true;
    this.pace = new Pace(() => this.takeEvents());
    void this.load();
  }

  stop(): void {
    this.started = false;
    this.pace.stop();
    this.waiting.clear();
    for (const join of this.joins.values()) join.abort();
    this.joins.clear();
  }

  load(): Promise<void> {
    return (this.reading = this.read());
  }

  /** shown is what one sees, for who acts on it before it has come; it throws why it cannot be loaded. */
  async shown(): Promise<Message[]> {
    await this.reading;
    if (this.state.error !== undefined) throw this.state.error;
    return this.state.path;
  }

  private async read(): Promise<void> {
    this.set({ loading: this.state.path.length === 0, error: undefined });
    try {
      const page = await calls.listMessages(this.id);
      this.put(loaded(this.state.tree, page), { loading: false });
    } catch (error) {
      this.set({ loading: false, error });
    }
  }

  /** older ends when the next page above is there, whoever asked for it first. */
  older(): Promise<void> {
    return (this.readingOlder ??= this.readOlder().finally(() => (this.readingOlder = undefined)));
  }

  private async readOlder(): Promise<void> {
    const first = this.state.path[0];
    if (!first || !this.state.tree.more) return;
    this.set({ loadingOlder: true });
    try {
      const page = await calls.listMessages(this.id, { leaf: this.state.tree.leaf, before: first.id });
      const stale = this.state.path[0]?.id !== first.id; // another branch is shown by now
      this.put(stale ? this.state.tree : loaded(this.state.tree, page, true), { loadingOlder: false });
    } catch (error) {
      this.set({ loadingOlder: false, refused: { message: first.id, error } });
    }
  }

  /** send adds a question and its answer; it throws what the server refused it with. */
  async send(question: calls.Question, key: string): Promise<void> {
    this.added(await calls.sendMessage(this.id, question, key));
  }

  regenerate(m: Message, model?: string): Promise<void> {
    return this.act(m, async () => this.added(await calls.regenerate(this.id, m.id, model)));
  }

  resume(m: Message): Promise<void> {
    return this.act(m, async () => this.added(await calls.continueAnswer(this.id, m.id)));
  }

  stopAnswer(m: Message): Promise<void> {
    return this.act(m, async () => this.put(changed(this.state.tree, await calls.stopAnswer(this.id, m.id))));
  }

  rate(m: Message, value: number): Promise<void> {
    return this.act(m, async () => {
      await calls.rateAnswer(this.id, m.id, value);
      const now = this.state.tree.nodes.get(m.id) ?? m;
      this.put(changed(this.state.tree, { ...now, rating: value }));
    });
  }

  /** version shows the version before or after this one, with what was last said below it. */
  version(m: Message, which: "before" | "after"): Promise<void> {
    const other = placeOf(m)[which];
    if (!other) return Promise.resolve();
    return this.act(m, async () => {
      const page = await calls.listMessages(this.id, { leaf: other });
      this.put(loaded(this.state.tree, page));
      await calls.changeConversation(this.id, { leaf: this.state.tree.leaf });
    });
  }

  /** found shows the branch with a message that a search found. */
  async found(message: string): Promise<void> {
    const page = await calls.listMessages(this.id, { leaf: message });
    this.put(loaded(this.state.tree, page));
  }

  /** forgive takes the note of a refused act away. */
  forgive(): void {
    this.set({ refused: undefined });
  }

  added({ message, answer }: calls.Sent): void {
    this.put(sent(this.state.tree, ...(message ? [message] : []), answer));
  }

  private async act(m: Message, work: () => Promise<void>): Promise<void> {
    this.set({ refused: undefined });
    try {
      await work();
    } catch (error) {
      this.set({ refused: { message: m.id, error } });
    }
  }

  private put(tree: Tree, more: Partial<ThreadState> = {}): void {
    const path = tree === this.state.tree ? this.state.path : pathOf(tree);
    this.set({ tree, path, ...more });
    for (const m of streamingOf(tree)) this.join(m);
  }

  private set(more: Partial<ThreadState>): void {
    this.state = { ...this.state, ...more };
    for (const listener of this.listeners) listener();
  }

  private join(m: Message): void {
    if (!this.started || this.joins.has(m.id)) return;
    const control = new AbortController();
    this.joins.set(m.id, control);
    joinEvents({
      open: (after, signal) => openEvents(calls.eventsPath(this.id, m.id, after), signal),
      after: m.seq,
      last: "message",
      onEvents: (events) => {
        this.waiting.set(m.id, [...(this.waiting.get(m.id) ?? []), ...events]);
        this.pace.ask();
      },
      onConnection: (c) => this.connection(m.id, c === "lost"),
      signal: control.signal,
    })
      .catch((error: unknown) => this.refusedJoin(m, error))
      .finally(() => {
        if (this.joins.get(m.id) === control) this.joins.delete(m.id);
        this.connection(m.id, false);
      });
  }

  /** A session that ended asks for sign-in over the page; rejoin comes after it. */
  private refusedJoin(m: Message, error: unknown): void {
    if (error instanceof Refused && error.status === 401) return;
    this.set({ refused: { message: m.id, error: error instanceof Refused ? new ApiError(error.status, "", error.message) : error } });
  }

  /** rejoin joins what is being written and was left: after signing in again. */
  rejoin(): void {
    for (const m of streamingOf(this.state.tree)) this.join(m);
  }

  private connection(id: string, lost: boolean): void {
    if (lost) this.lost.add(id);
    else this.lost.delete(id);
    if (this.state.lost !== this.lost.size > 0) this.set({ lost: this.lost.size > 0 });
  }

  private takeEvents(): void {
    let tree = this.state.tree;
    for (const [id, events] of this.waiting) {
      const m = tree.nodes.get(id);
      if (m) tree = changed(tree, applyEvents(m, events));
    }
    this.waiting.clear();
    if (tree !== this.state.tree) this.put(tree);
  }
}

/** writing is the answer at the end of what is shown that is being written, if there is one. */
export function writing(path: Message[]): Message | undefined {
  const last = path.at(-1);
  return last && !isFinal(last) ? last : undefined;
}

