import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Answer, type Answers, refusal, renderPage, silence } from "@/test/render";
import Chat from ".";
import type { Message } from "./message";
import { conversation, message } from "./message.fixture";

const base = "/api/v1/conversations";
const models = [
  { id: "demo", display_name: "Demo", provider: "offline", price: { input: "0", output: "0" }, offline: true, default: true },
  { id: "big", display_name: "Big", provider: "acme", context_window: 200_000, price: { input: "3", output: "15" }, offline: false, images: true, default: false },
];
const question = message({ id: "u", role: "user", text: "What is it?" });
const done = message({ id: "a", parent: "u", text: "It **is**.", credits: 1_500_000, usage: { input: 5, cached_input: 0, cache_write: 0, output: 7, reasoning: 0 }, request_id: "req_1" });

/** never is a stream of events that says nothing. */
const never = () => new Response(new ReadableStream(), { headers: { "Content-Type": "text/event-stream" } });

function answers(path: Message[], more: Answers = {}): Answers {
  return {
    [`GET ${base}`]: { conversations: [conversation({ id: "c", title: "First", leaf: path.at(-1)?.id ?? "" })], next: "" },
    [`GET ${base}/c`]: conversation({ id: "c", title: "First" }),
    [`GET ${base}/c/messages`]: { messages: path, more: false },
    "GET /api/v1/models/available": models,
    "GET /api/v1/agents": { agents: [] },
    ...more,
  };
}

const open = (path: Message[], more: Answers = {}, at = "/chat/c") => renderPage(<Chat />, { at, route: "/chat/$id", answers: answers(path, more) });
const box = () => screen.findByRole("textbox", { name: "Message" }) as Promise<HTMLTextAreaElement>;
const log = () => screen.findByRole("log");

vi.setConfig({ testTimeout: 60_000 }); // keys typed one by one take their time on a busy machine

beforeEach(() => {
  vi.stubGlobal("IntersectionObserver", undefined);
});

describe("states", () => {
  it("loading: keeps quiet first, then shows the layout", async () => {
    await open([], { [`GET ${base}/c/messages`]: silence });
    const thread = await log();
    expect(thread.querySelectorAll(".animate-pulse")).toHaveLength(0);
    await waitFor(() => expect(thread.querySelectorAll(".animate-pulse").length).toBeGreaterThan(0));
  });

  it("error: says why in place of the thread, with the request id, and tries again", async () => {
    let broken = true;
    await open([question, done], { [`GET ${base}/c/messages`]: () => (broken ? refusal(500, "the disk is full") : { messages: [question, done], more: false }) });
    expect(await screen.findByText("the disk is full")).toBeTruthy();
    expect(screen.getByText("req_test")).toBeTruthy();
    broken = false;
    fireEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(await within(await log()).findByText("What is it?")).toBeTruthy();
  });

  it("empty: offers the agents that there are, and the composer", async () => {
    const agent = { id: "ag", name: "Triage", description: "Sorts alerts", inputs: [] };
    await renderPage(<Chat />, { at: "/chat", answers: answers([], { [`GET ${base}`]: { conversations: [], next: "" }, "GET /api/v1/agents": { agents: [agent] } }) });
    expect(await screen.findByText("Triage")).toBeTruthy();
    expect(await screen.findByText("Your conversations will appear here.")).toBeTruthy();
    expect(document.activeElement).toBe(await box());
  });

  it("a finger is told nothing of keys, and the paperclip tells what may be attached", async () => {
    const real = matchMedia;
    vi.stubGlobal("matchMedia", (query: string) => ({ ...real(query), matches: query === "(pointer: coarse)" }));
    await open([question, done]);
    expect((await box()).placeholder).toBe("Write a message.");
    expect(screen.getByRole("button", { name: "Attach files" }).title).toContain("10 files");
    vi.unstubAllGlobals();
  });

  it("older messages come by themselves to a reader who went to the top while the page was busy", async () => {
    class Observer {
      readonly tell: (moments: { isIntersecting: boolean }[]) => void;
      constructor(tell: Observer["tell"]) {
        this.tell = tell;
      }
      observe() {
        this.tell([{ isIntersecting: false }, { isIntersecting: true }]);
      }
      disconnect() {}
    }
    vi.stubGlobal("IntersectionObserver", Observer);
    const older = message({ id: "o", role: "user", text: "What was it?" });
    const newest = [{ ...question, parent: "o" }, done];
    await open(newest, {
      [`GET ${base}/c/messages`]: { messages: newest, more: true },
      [`GET ${base}/c/messages?leaf=a&before=u`]: { messages: [older], more: false },
    });
    expect(await within(await log()).findByText("What was it?")).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Older messages" })).toBeNull();
  });

  it("no model allowed: says who can change that", async () => {
    await renderPage(<Chat />, { at: "/chat", answers: answers([], { "GET /api/v1/models/available": [] }) });
    await box();
    fireEvent.keyDown(document.body, { code: "KeyM", key: "M", altKey: true, shiftKey: true });
    expect(await screen.findByText(/An administrator of your organisation can allow one/)).toBeTruthy();
  });
});

describe("sending", () => {
  it("Enter sends, Shift Enter does not, and never while an input method composes", async () => {
    const { asked } = await open([question, done], { [`POST ${base}/c/messages`]: new Answer(202, { message: message({ id: "u2", parent: "a", role: "user", text: "more" }), answer: message({ id: "a2", parent: "u2", text: "Yes." }) }) });
    const area = await box();
    const posts = () => asked.filter((r) => r.method === "POST").length;
    await within(await log()).findByText("What is it?");
    await userEvent.type(area, "more");
    fireEvent.keyDown(area, { key: "Enter", shiftKey: true });
    fireEvent.keyDown(area, { key: "Enter", isComposing: true });
    fireEvent.keyDown(area, { key: "Enter", keyCode: 229 });
    expect(posts()).toBe(0);
    fireEvent.keyDown(area, { key: "Enter" });
    fireEvent.keyDown(area, { key: "Enter" });
    expect(await screen.findByText("Yes.")).toBeTruthy();
    expect(posts()).toBe(1);
    await waitFor(() => expect(area.value).toBe("")); // the thread may be drawn a moment sooner
    expect(await asked.find((r) => r.method === "POST")!.json()).toMatchObject({ parent: "a", text: "more", model: "demo" });
  });

  it("keeps the text and counts down when a limit is reached, then sends", async () => {
    const { asked } = await open([], { [`POST ${base}/c/messages`]: new Answer(429, { code: "rate_limit_exceeded", message: "10 requests a minute" }, { "Retry-After": "1" }) });
    const area = await box();
    await userEvent.type(area, "hello");
    fireEvent.keyDown(area, { key: "Enter" });
    expect(await screen.findByText("10 requests a minute")).toBeTruthy();
    expect(area.value).toBe("hello");
    const wait = await screen.findByRole("button", { name: "Send in 1 s" });
    expect((wait as HTMLButtonElement).disabled).toBe(true);
    const send = await screen.findByRole("button", { name: "Send" }, { timeout: 5_000 });
    expect((send as HTMLButtonElement).disabled).toBe(false);
    fireEvent.click(send);
    await waitFor(() => expect(asked.filter((r) => r.method === "POST")).toHaveLength(2));
    const keys = asked.filter((r) => r.method === "POST").map((r) => r.headers.get("Idempotency-Key"));
    expect(keys[0]).toBe(keys[1]); // the same message again is the same request
  });

  it.each([
    ["insufficient_credits", 402, "An administrator of your organisation can add credits"],
    ["dlp_blocked", 403, "Take out what the rule names"],
    ["budget_exceeded", 402, "can raise the budget"],
    ["model_access_denied", 403, "Choose another model"],
  ])("%s: keeps the draft and says what to do", async (code, status, advice) => {
    await open([], { [`POST ${base}/c/messages`]: new Answer(status, { code, message: `the reason of ${code}` }) });
    const area = await box();
    await userEvent.type(area, "hello");
    fireEvent.keyDown(area, { key: "Enter" });
    expect(await screen.findByText(`the reason of ${code}`)).toBeTruthy();
    expect(screen.getByText(new RegExp(advice))).toBeTruthy();
    expect(area.value).toBe("hello");
  });

  it("a new chat is made once, however often its first message is refused", async () => {
    let refused = true;
    const { asked, router } = await renderPage(<Chat />, {
      at: "/chat",
      answers: answers([], {
        [`POST ${base}`]: conversation({ id: "c" }),
        [`POST ${base}/c/messages`]: () => (refused ? refusal(503, "not now") : new Answer(202, { message: question, answer: done })),
      }),
    });
    const area = await box();
    await screen.findByRole("button", { name: "Model: Demo" });
    await userEvent.type(area, "hi");
    fireEvent.keyDown(area, { key: "Enter" });
    expect(await screen.findByText("not now")).toBeTruthy();
    refused = false;
    fireEvent.keyDown(area, { key: "Enter" });
    await waitFor(() => expect(router.state.location.pathname).toBe("/chat/c"));
    expect(asked.filter((r) => r.method === "POST" && r.url.endsWith("/conversations"))).toHaveLength(1);
    expect(localStorage).toHaveLength(0);
  });

  it("a message that is sent before the models have come goes to the one that begins", async () => {
    let come = (_: unknown) => {};
    const { asked } = await renderPage(<Chat />, {
      at: "/chat",
      answers: answers([], {
        "GET /api/v1/models/available": new Promise((resolve) => (come = resolve)),
        [`POST ${base}`]: conversation({ id: "c" }),
        [`POST ${base}/c/messages`]: new Answer(202, { message: question, answer: done }),
      }),
    });
    const area = await box();
    await userEvent.type(area, "hi");
    fireEvent.keyDown(area, { key: "Enter" });
    await waitFor(() => expect(area.readOnly).toBe(true));
    come(models);
    const sent = () => asked.filter((r) => r.method === "POST");
    await waitFor(() => expect(sent()).toHaveLength(2));
    for (const request of sent()) expect(await request.json()).toMatchObject({ model: "demo" });
  });

  it("a message that is sent before the thread has come goes below what is there, not to a new beginning", async () => {
    let come = (_: unknown) => {};
    const { asked } = await open([question, done], {
      [`GET ${base}/c/messages`]: new Promise((resolve) => (come = resolve)),
      [`POST ${base}/c/messages`]: new Answer(202, { message: message({ id: "u2", parent: "a", role: "user", text: "more" }), answer: message({ id: "a2", parent: "u2", text: "Yes." }) }),
    });
    const area = await box();
    await userEvent.type(area, "more");
    fireEvent.keyDown(area, { key: "Enter" });
    await waitFor(() => expect(area.readOnly).toBe(true));
    come({ messages: [question, done], more: false });
    expect(await screen.findByText("Yes.")).toBeTruthy();
    expect(await asked.find((r) => r.method === "POST")!.json()).toMatchObject({ parent: "a" });
  });

  it("a message is kept, not sent, when the thread cannot be loaded", async () => {
    const { asked } = await open([], { [`GET ${base}/c/messages`]: refusal(500, "the disk is full") });
    const area = await box();
    await screen.findByText("the disk is full");
    await userEvent.type(area, "more");
    fireEvent.keyDown(area, { key: "Enter" });
    await waitFor(() => expect(screen.getAllByText("the disk is full")).toHaveLength(2));
    expect(area.value).toBe("more");
    expect(asked.filter((r) => r.method === "POST")).toHaveLength(0);
  });

  it("who went elsewhere while the first message was being sent stays there", async () => {
    let come = (_: unknown) => {};
    const { asked, queries, router } = await renderPage(<Chat />, {
      at: "/chat",
      answers: answers([], {
        [`POST ${base}`]: conversation({ id: "c" }),
        [`POST ${base}/c/messages`]: new Promise((resolve) => (come = resolve)),
      }),
    });
    const area = await box();
    await userEvent.type(area, "hi");
    fireEvent.keyDown(area, { key: "Enter" });
    await waitFor(() => expect(asked.filter((r) => r.method === "POST")).toHaveLength(2));
    await router.navigate({ to: "/agents" });
    await screen.findByText("elsewhere");
    const told = new Promise<void>((resolve) => queries.getQueryCache().subscribe((e) => e.type === "updated" && e.action.type === "invalidate" && resolve()));
    come(new Answer(202, { message: question, answer: done }));
    await told; // the list has the new conversation
    expect(router.latestLocation.pathname).toBe("/agents");
    expect(localStorage).toHaveLength(0);
  });

  it("keeps a draft through a reload, for its own conversation", async () => {
    const first = await open([]);
    await userEvent.type(await box(), "unfinished");
    first.unmount();
    await open([]);
    expect((await box()).value).toBe("unfinished");
  });

  it("a file that is added while a message is being sent stays for the next one", async () => {
    let come = (_: unknown) => {};
    const { asked } = await open([question, done], { [`POST ${base}/c/messages`]: new Promise((resolve) => (come = resolve)) });
    const area = await box();
    await within(await log()).findByText("What is it?");
    await userEvent.type(area, "more");
    fireEvent.keyDown(area, { key: "Enter" });
    await waitFor(() => expect(asked.some((r) => r.method === "POST")).toBe(true));
    fireEvent.change(document.querySelector<HTMLInputElement>("input[type=file]")!, { target: { files: [new File(["a,b"], "next.csv", { type: "text/csv" })] } });
    await screen.findByText("next.csv");
    come(new Answer(202, { message: message({ id: "u2", parent: "a", role: "user", text: "more" }), answer: message({ id: "a2", parent: "u2", text: "Yes." }) }));
    await waitFor(() => expect(area.value).toBe(""));
    expect(screen.getByText("next.csv")).toBeTruthy();
  });

  it("offers a long paste as a file", async () => {
    await open([]);
    const area = await box();
    await userEvent.type(area, "See: ");
    const long = "line\n".repeat(100);
    await userEvent.click(area);
    await userEvent.paste(long);
    fireEvent.click(await screen.findByRole("button", { name: "Attach it as a file" }));
    expect(await screen.findByText("pasted.txt")).toBeTruthy();
    expect(area.value).toBe("See: ");
  });

  it("typing draws the composer alone, whatever stands in the thread", async () => {
    const path = Array.from({ length: 60 }, (_, i) => message({ id: `m${i}`, parent: i ? `m${i - 1}` : "", role: i % 2 ? "assistant" : "user", text: `text ${i}` }));
    await open(path);
    const area = await box();
    const thread = await log();
    await within(thread).findByText("text 0"); // the last that is drawn
    const changed = vi.fn();
    new MutationObserver(changed).observe(thread, { subtree: true, childList: true, characterData: true, attributes: true });
    await userEvent.type(area, "hello");
    expect(changed).not.toHaveBeenCalled();
  });
});

describe("answers", () => {
  it("are laid out, with what they cost, and announced politely, not word by word", async () => {
    await open([question, done]);
    const thread = await log();
    expect(thread.getAttribute("aria-live")).toBe("off");
    expect(await within(thread).findByText("is")).toBeTruthy();
    expect(within(thread).getByText("1.50 credits")).toBeTruthy();
  });

  it("Escape stops one that is being written; the text stays and the composer is ready", async () => {
    const streaming = message({ ...done, state: "streaming", text: "It is" });
    await open([question, streaming], { [`GET ${base}/c/messages/a/events`]: never, [`POST ${base}/c/messages/a/stop`]: { ...streaming, state: "stopped" } });
    expect(await screen.findByRole("button", { name: "Stop" })).toBeTruthy();
    fireEvent.keyDown(document.body, { key: "Escape" });
    expect(await screen.findByText("It is")).toBeTruthy();
    expect(await screen.findByRole("button", { name: "Send" })).toBeTruthy();
    expect(within(await log()).getByText("Stopped")).toBeTruthy();
  });

  it("that were cut never look finished: they say so, with Continue and Try again", async () => {
    const { asked } = await open([question, message({ ...done, state: "cut" })], {
      [`POST ${base}/c/messages/a/continue`]: new Answer(202, { answer: message({ id: "a2", parent: "a", continues: true, text: "And more." }) }),
    });
    const cut = (await log()).querySelector('[data-state="cut"]') ?? (await waitFor(() => document.querySelector('[data-state="cut"]')!));
    expect(within(cut as HTMLElement).getByText("Cut off")).toBeTruthy();
    expect(within(cut as HTMLElement).getByRole("button", { name: "Try again" })).toBeTruthy();
    fireEvent.click(within(cut as HTMLElement).getByRole("button", { name: "Continue" }));
    expect(await screen.findByText("And more.")).toBeTruthy();
    expect(screen.getByText("demo, continued")).toBeTruthy();
    expect(asked.some((r) => r.url.endsWith("/continue"))).toBe(true);
  });

  it("that failed say why and what to do", async () => {
    await open([question, message({ ...done, state: "failed", text: "", error: { code: "upstream_timeout", message: "No answer in 60 s." } })]);
    expect(await screen.findByText("No answer in 60 s.")).toBeTruthy();
    expect(screen.getByText("Try again, or choose another model.")).toBeTruthy();
  });

  it("blocked: names the rule, gives the text back, and the next try stands beside the blocked one", async () => {
    const secret = message({ ...question, text: "my key AKIA", masked: [{ type: "SECRET", label: "aws access key", action: "block", count: 1, at: [{ start: 7, end: 11 }] }] });
    const { asked } = await open([secret, message({ ...done, state: "blocked", text: "", error: { code: "dlp_blocked", message: "The rule aws-access-key forbids it." } })], {
      [`POST ${base}/c/messages`]: new Answer(202, { message: question, answer: done }),
    });
    expect(await screen.findByText("The rule aws-access-key forbids it.")).toBeTruthy();
    expect(screen.getByText("(aws access key blocked)")).toBeTruthy();
    fireEvent.click(screen.getByRole("button", { name: "Edit the message" }));
    const area = await box();
    expect(area.value).toBe("my key AKIA");
    fireEvent.keyDown(area, { key: "Enter" });
    await waitFor(() => expect(asked.some((r) => r.method === "POST")).toBe(true));
    expect(await asked.find((r) => r.method === "POST")!.json()).toMatchObject({ parent: "" });
  });

  it("show what was replaced in the person's message", async () => {
    const said = message({ ...question, text: "mail a@b.c", masked: [{ type: "EMAIL_ADDRESS", label: "email address", action: "tokenize", count: 1, at: [{ start: 5, end: 10 }] }] });
    await open([said, done]);
    expect(await screen.findByText("(email address masked)")).toBeTruthy();
  });

  it("mark a change of the model", async () => {
    await open([question, done, message({ id: "u2", parent: "a", role: "user", text: "and?" }), message({ id: "a2", parent: "u2", model: "big", text: "So." })]);
    expect(await screen.findByText("Model changed to big")).toBeTruthy();
  });

  it("show reasoning and tool calls as rows that are closed", async () => {
    await open([question, message({ ...done, reasoning: "Hmm.", tool_calls: [{ id: "t", name: "search", arguments: '{"q":1}', result: "", state: "called" }] })]);
    const rows = [...(await log()).querySelectorAll("details")];
    await waitFor(() => expect(document.querySelectorAll("[role=log] details").length).toBe(2));
    expect(rows.every((d) => !d.open)).toBe(true);
    expect(screen.getByText("search")).toBeTruthy();
  });

  it("are versions: 2 / 3, with arrows", async () => {
    const versions = ["a", "b", "d"];
    const second = message({ ...done, id: "b", siblings: versions, text: "Second." });
    const third = message({ ...done, id: "d", siblings: versions, text: "Third." });
    await open([question, second], { [`GET ${base}/c/messages?leaf=d`]: { messages: [question, third], more: false }, [`PATCH ${base}/c`]: {} });
    expect(await screen.findByText("2 / 3")).toBeTruthy();
    fireEvent.click(screen.getByRole("button", { name: "Next version" }));
    expect(await screen.findByText("Third.")).toBeTruthy();
    expect(screen.getByText("3 / 3")).toBeTruthy();
  });

  it("the version that is shown is the one that is shared", async () => {
    const versions = ["a", "b"];
    const second = message({ ...done, id: "b", siblings: versions, text: "Second." });
    const { asked } = await open([question, { ...done, siblings: versions }], {
      [`GET ${base}/c`]: conversation({ id: "c", title: "First", leaf: "a" }),
      [`GET ${base}/c/messages?leaf=b`]: { messages: [question, second], more: false },
      [`PATCH ${base}/c`]: {},
      [`POST ${base}/c/share`]: { id: "s", conversation: "c", title: "First", created_at: "2026-01-01T00:00:00Z" },
    });
    fireEvent.click(await screen.findByRole("button", { name: "Next version" }));
    await screen.findByText("Second.");
    fireEvent.click(screen.getByRole("button", { name: "Share" }));
    fireEvent.click(await screen.findByRole("button", { name: "Make a link" }));
    await waitFor(() => expect(asked.some((r) => r.url.endsWith("/share"))).toBe(true));
    expect(await asked.find((r) => r.url.endsWith("/share"))!.json()).toEqual({ leaf: "b" });
  });

  it("editing a question asks beside it", async () => {
    const { asked } = await open([question, done], {
      [`POST ${base}/c/messages`]: new Answer(202, { message: message({ id: "u2", role: "user", text: "What else?", siblings: ["u", "u2"] }), answer: message({ id: "a2", parent: "u2", text: "That." }) }),
    });
    fireEvent.click(await screen.findByRole("button", { name: "Edit message" }));
    const area = screen.getByRole("textbox", { name: "Edited message" });
    fireEvent.change(area, { target: { value: "What else?" } });
    fireEvent.click(screen.getByRole("button", { name: "Send as a new version" }));
    expect(await screen.findByText("That.")).toBeTruthy();
    expect(screen.getByText("2 / 2")).toBeTruthy();
    expect(await asked.find((r) => r.method === "POST")!.json()).toMatchObject({ parent: "", text: "What else?" });
  });

  it("details tell the model, tokens, credits and the request", async () => {
    await open([question, done], {}, "/chat/c?details=a");
    const drawer = await screen.findByRole("dialog", { name: "Details" });
    for (const text of ["demo", "5", "7", "1.50", "req_1", "Complete"]) expect(within(drawer).getByText(text)).toBeTruthy();
  });
});

describe("the list", () => {
  it("highlights what a search found", async () => {
    const hit = { message: "a", before: "so it ", match: "is", after: " there" };
    await open([question, done], { [`GET ${base}?q=is`]: { conversations: [conversation({ id: "c", title: "First", hit })], next: "" } }, "/chat/c?q=is");
    expect((await screen.findByText("is", { selector: "mark" })).parentElement!.textContent).toBe("so it is there");
  });

  it("goes on when a part of the search found nothing", async () => {
    await open([], {
      [`GET ${base}?q=x`]: { conversations: [], next: "more" },
      [`GET ${base}?q=x&cursor=more`]: { conversations: [conversation({ id: "z", title: "Found late" })], next: "" },
    }, "/chat/c?q=x");
    expect(await screen.findByText("Found late")).toBeTruthy();
  });

  it("says what filters are on when nothing matches, and clears them", async () => {
    const { router } = await open([], { [`GET ${base}?q=x`]: { conversations: [], next: "" } }, "/chat/c?q=x");
    fireEvent.click(await screen.findByRole("button", { name: "Clear filters" }));
    await waitFor(() => expect(router.state.location.search).toEqual({}));
  });

  it("deletes at once and offers a way back", async () => {
    const { asked } = await open([question, done], { [`DELETE ${base}/c`]: new Answer(204), [`POST ${base}/c/restore`]: conversation({ id: "c" }) });
    await userEvent.click(await screen.findByRole("button", { name: "Actions for First" }));
    await userEvent.click(await screen.findByRole("menuitem", { name: "Delete" }));
    await userEvent.click(await screen.findByRole("button", { name: "Undo" }));
    await waitFor(() => expect(asked.some((r) => r.url.endsWith("/c/restore"))).toBe(true));
  });

  it("renames in place", async () => {
    const { asked } = await open([question, done], { [`PATCH ${base}/c`]: conversation({ id: "c", title: "Better" }) });
    await userEvent.click(await screen.findByRole("button", { name: "Actions for First" }));
    await userEvent.click(await screen.findByRole("menuitem", { name: "Rename" }));
    const field = await screen.findByRole("textbox", { name: "Title of the conversation" });
    await userEvent.clear(field);
    await userEvent.type(field, "Better{Enter}");
    await waitFor(() => expect(asked.some((r) => r.method === "PATCH")).toBe(true));
    expect(await asked.find((r) => r.method === "PATCH")!.json()).toEqual({ title: "Better" });
  });
});

describe("models", () => {
  it("are chosen by keyboard, and remembered by the conversation", async () => {
    const { asked } = await open([question, done], { [`PATCH ${base}/c`]: conversation({ id: "c", model: "big" }) });
    await box();
    fireEvent.keyDown(document.body, { code: "KeyM", key: "M", altKey: true, shiftKey: true });
    const dialog = await screen.findByRole("dialog", { name: "Choose a model" });
    expect(await within(dialog).findByText("acme · 200K tokens window · 3.00 in, 15.00 out, credits for a million tokens")).toBeTruthy();
    await userEvent.type(within(dialog).getByRole("combobox"), "big{Enter}");
    expect(await screen.findByRole("button", { name: "Model: Big" })).toBeTruthy();
    expect(await asked.find((r) => r.method === "PATCH")!.json()).toEqual({ model: "big" });
  });

  it("hold from the moment they are chosen, and no longer when that is refused", async () => {
    let come = (_: unknown) => {};
    const { asked } = await open([question, done], {
      [`PATCH ${base}/c`]: new Promise((resolve) => (come = resolve)),
      [`POST ${base}/c/messages`]: new Answer(202, { message: message({ id: "u2", parent: "a", role: "user", text: "more" }), answer: message({ id: "a2", parent: "u2", text: "Yes." }) }),
    });
    const area = await box();
    fireEvent.click(await screen.findByRole("button", { name: "Model: Demo" }));
    await userEvent.type(within(await screen.findByRole("dialog", { name: "Choose a model" })).getByRole("combobox"), "big{Enter}");
    await userEvent.type(area, "more");
    fireEvent.keyDown(area, { key: "Enter" });
    expect(await screen.findByText("Yes.")).toBeTruthy();
    expect(await asked.find((r) => r.method === "POST")!.json()).toMatchObject({ model: "big" });
    come(refusal(403, "no such model for you"));
    expect(await screen.findByText("no such model for you")).toBeTruthy();
    expect(await screen.findByRole("button", { name: "Model: Demo" })).toBeTruthy();
  });
});
