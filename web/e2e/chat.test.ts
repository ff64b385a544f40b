import { afterAll, expect, test } from "vitest";
import { expectAccessible, type Page, shot, signIn, useHouse } from "./harness";
import { startModel } from "./model";

const model = await startModel();
afterAll(() => model.stop());
const longName = "acme-research/steady-reasoner-2.5-coder-480b-instruct-2026-11-preview";
const house = useHouse({ config: model.config("steady", "swift", longName) });

const composer = (page: Page) => page.getByRole("textbox", { name: "Message", exact: true });
const log = (page: Page) => page.getByRole("log");
const answers = (page: Page) => log(page).locator("article[data-role=assistant]");

async function ask(page: Page, text: string) {
  await composer(page).fill(text);
  const [talk] = await Promise.all([model.next(), composer(page).press("Enter")]);
  await log(page).locator("article[data-role=user]").last().getByText(text).waitFor();
  return talk;
}

async function newChat(page: Page) {
  await page.getByRole("link", { name: "New chat" }).click();
  await page.getByRole("heading", { name: "What shall we work on?" }).waitFor();
}

test("an answer streams, and is told politely at its beginning and its end", async () => {
  const page = await house().page();
  await page.getByRole("heading", { name: "What shall we work on?" }).waitFor();
  await expectAccessible(page);
  await shot(page, "chat-new");
  const talk = await ask(page, "Explain the ledger");
  const status = page.getByRole("status");
  talk.say("# The ledger\n\nIt is **append");
  await answers(page).getByText("append").waitFor();
  await status.getByText("Answer is being written").waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Stop" }).waitFor();
  talk.say(" only**.\n\n```go\nfunc main() {}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n");
  talk.end();
  await status.getByText("Answer complete").waitFor({ state: "attached" });
  await answers(page).getByText("append only").waitFor();
  await answers(page).getByText("credits").waitFor();
  await answers(page).locator("pre span[style*='--code-token-keyword']").first().waitFor(); // colours come from our own files
  await page.getByRole("navigation", { name: "Conversations" }).getByText("Explain the ledger").waitFor();
  await expectAccessible(page);
  await shot(page, "chat");
});

test("Escape stops an answer at the provider; the text stays and the composer is ready", async () => {
  const page = await house().page();
  const talk = await ask(page, "Count to a million");
  talk.say("One, two");
  await answers(page).getByText("One, two").waitFor();
  await page.keyboard.press("Escape");
  await answers(page).getByText("Stopped").waitFor();
  await talk.left;
  expect(await answers(page).innerText()).toContain("One, two");
  await page.getByRole("button", { name: "Send" }).waitFor();
  await page.reload();
  await answers(page).getByText("One, two").waitFor();
  await answers(page).getByText("Stopped").waitFor();
});

test("regenerate, edit and branch: nothing is overwritten", async () => {
  const page = await house().page();
  (await ask(page, "First question")).answer("First answer.");
  await answers(page).getByText("First answer.").waitFor();
  const [again] = await Promise.all([model.next(), page.getByRole("button", { name: "Answer again" }).click()]);
  again.answer("Second answer.");
  await answers(page).getByText("Second answer.").waitFor();
  await log(page).getByText("2 / 2").waitFor();
  await page.getByRole("button", { name: "Version before" }).click();
  await answers(page).getByText("First answer.").waitFor();
  await log(page).getByText("1 / 2").waitFor();

  await page.getByRole("button", { name: "Edit message" }).click();
  await page.getByRole("textbox", { name: "Edited message" }).fill("Better question");
  const [edited] = await Promise.all([model.next(), page.getByRole("button", { name: "Send as a new version" }).click()]);
  expect(edited.request.messages.map((m) => m.content)).toEqual(["Better question"]);
  edited.answer("Better answer.");
  await answers(page).getByText("Better answer.").waitFor();
  expect(await answers(page).count()).toBe(1);
  await page.getByRole("group", { name: "Versions" }).getByRole("button", { name: "Version before" }).click();
  await answers(page).getByText("answer.").waitFor();
  await log(page).getByText("First question").waitFor();
  await page.reload();
  await log(page).getByText("First question").waitFor(); // the branch is remembered
});

test("another model answers, and the change is marked", async () => {
  const page = await house().page();
  (await ask(page, "Who are you?")).answer("Somebody.");
  await answers(page).getByText("Somebody.").waitFor();
  await page.getByRole("button", { name: "Model:" }).waitFor();
  await page.keyboard.press("Alt+Shift+KeyM");
  const picker = page.getByRole("dialog", { name: "Choose a model" });
  await picker.getByRole("combobox").fill("swift");
  await expectAccessible(page);
  await shot(page, "chat-models");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Model: swift" }).waitFor();
  const talk = await ask(page, "And now?");
  expect(talk.request.model).toBe("swift");
  talk.answer("Somebody else.");
  await log(page).getByText("Model changed to swift").waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Model: swift" }).waitFor();
});

test("an answer goes on through a reload, and is joined from its start", async () => {
  const page = await house().page();
  const talk = await ask(page, "Write slowly");
  talk.say("The beginning, ");
  await answers(page).getByText("The beginning,").waitFor();
  await page.reload();
  await answers(page).getByText("The beginning,").waitFor();
  talk.say("the middle, ");
  await answers(page).getByText("The beginning, the middle,").waitFor();
  await page.goto("about:blank");
  talk.say("what nobody watched, ");
  await page.goBack();
  await answers(page).getByText("The beginning, the middle, what nobody watched,").waitFor();
  talk.answer("and the end.");
  await answers(page).getByText("The beginning, the middle, what nobody watched, and the end.").waitFor();
  await page.getByRole("button", { name: "Send" }).waitFor();
  expect(await answers(page).locator("[data-ending]").count()).toBe(0);
});

test("two readers see the same answer", async () => {
  const page = await house().page();
  const talk = await ask(page, "For two readers");
  talk.say("Both ");
  await answers(page).getByText("Both").waitFor();
  const other = await page.context().newPage();
  await other.goto(page.url());
  await answers(other).getByText("Both").waitFor();
  talk.answer("see it.");
  await Promise.all([page, other].map((p) => answers(p).getByText("Both see it.").waitFor()));
  await other.close();
});

test("a lost connection joins again by itself", async () => {
  const page = await house().page();
  const talk = await ask(page, "Through a tunnel");
  talk.say("Before the tunnel, ");
  await answers(page).getByText("Before the tunnel,").waitFor();
  await page.context().setOffline(true);
  await page.evaluate(() => performance.getEntriesByType("resource").length);
  talk.say("in it, ");
  await page.context().setOffline(false);
  talk.answer("and after it.");
  await answers(page).getByText("Before the tunnel, in it, and after it.").waitFor();
  await page.getByRole("button", { name: "Send" }).waitFor();
});

test("after kill -9 of the server what was streamed is kept, marked as cut, and can be continued", async () => {
  const page = await house().page();
  const talk = await ask(page, "Survive this");
  talk.say("What was said before. ");
  await answers(page).getByText("What was said before.").waitFor();
  await kept(page);
  await house().server.restart();
  const cut = answers(page).locator('[data-ending="cut"]');
  await cut.getByText("Cut off").waitFor();
  await answers(page).getByText("What was said before.").waitFor();
  await shot(page, "chat-cut");
  await expectAccessible(page);
  await page.reload();
  await cut.getByText("Cut off").waitFor();
  const [more] = await Promise.all([model.next(), cut.getByRole("button", { name: "Continue" }).click()]);
  more.answer("What came after.");
  await answers(page).getByText("What came after.").waitFor();
  await answers(page).getByText("What was said before.").waitFor();
});

/** kept waits until another reader, who comes anew, is told the text: it has left the page's memory. */
async function kept(page: Page) {
  await expect
    .poll(() =>
      page.evaluate(async () => {
        const id = location.pathname.split("/").at(-1);
        const { messages } = (await (await fetch(`/api/v1/conversations/${id}/messages`)).json()) as { messages: { text: string }[] };
        return messages.at(-1)?.text;
      }),
    )
    .toContain("before");
}

test("files go with a message, by button and by drop", async () => {
  const page = await house().page();
  await page.setInputFiles("input[type=file]", { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("remember the milk") });
  await page.getByText("notes.txt").waitFor();
  await page.setInputFiles("input[type=file]", { name: "song.mp3", mimeType: "audio/mpeg", buffer: Buffer.from("la la") });
  await page.getByText("Only images (PNG, JPEG, GIF, WebP) and text can be sent.").waitFor();
  await expectAccessible(page);
  expect(await page.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
  await page.getByRole("button", { name: "Remove song.mp3" }).click();
  const talk = await ask(page, "What is in the file?");
  expect(JSON.stringify(talk.request.messages)).toContain("remember the milk");
  talk.answer("Milk.");
  await log(page).getByText("notes.txt").waitFor();
});

test("reasoning and tool calls are rows that open", async () => {
  const page = await house().page();
  const talk = await ask(page, "Look it up");
  talk.think("I should search.");
  talk.callTool("search", '{"q":"milk"}');
  talk.end();
  await answers(page).getByText("search", { exact: true }).click();
  await answers(page).getByText('"q": "milk"').waitFor();
});

test("a provider that fails: why, what to do, and another try", async () => {
  const page = await house().page();
  (await ask(page, "Fail please")).refuse(400, "the model is asleep");
  const alert = answers(page).getByRole("alert");
  await alert.waitFor();
  await expectAccessible(page);
  const [again] = await Promise.all([model.next(), alert.getByRole("button", { name: "Try again" }).click()]);
  again.answer("Awake.");
  await answers(page).getByText("Awake.").waitFor();
});

test("conversations are found, renamed, pinned, archived, deleted and brought back", async () => {
  const page = await house().page();
  (await ask(page, "A needle in a haystack")).answer("The answer is xylophone.");
  await answers(page).getByText("xylophone").waitFor();
  const list = page.getByRole("navigation", { name: "Conversations" });
  await list.getByRole("searchbox").fill("xylophone");
  await list.locator("mark").getByText("xylophone").waitFor();
  await expectAccessible(page);
  await list.getByRole("searchbox").fill("nothing like it");
  await list.getByText("Nothing matches").waitFor();
  await list.getByRole("button", { name: "Clear filters" }).click();

  const act = async (title: string, name: string) => {
    await list.getByRole("button", { name: `Actions for ${title}` }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("menuitem", { name, exact: true }).click();
  };
  await act("A needle in a haystack", "Rename");
  await page.getByRole("textbox", { name: "Title of the conversation" }).fill("Needle");
  await page.keyboard.press("Enter");
  await list.getByRole("link", { name: "Needle" }).waitFor();
  await act("Needle", "Pin");
  await list.getByRole("region", { name: "Pinned" }).getByText("Needle").waitFor();
  await act("Needle", "Archive");
  await list.getByRole("link", { name: "Needle" }).waitFor({ state: "detached" });
  await list.getByLabel("Archived").check();
  await act("Needle", "Delete");
  await page.getByRole("button", { name: "Undo" }).click();
  await list.getByRole("link", { name: "Needle" }).waitFor();
});

test("a snapshot is shared inside the organisation, listed and revoked", async () => {
  const page = await house().page();
  (await ask(page, "Share me")).answer("Shared **answer**.");
  await answers(page).getByText("Shared answer.").waitFor();
  await page.getByRole("button", { name: "Share", exact: true }).click();
  await page.getByRole("button", { name: "Make a link" }).click();
  const address = await page.getByRole("dialog").locator("code").innerText();
  await page.goto(address);
  await page.getByText("Shared answer.").waitFor();
  await expectAccessible(page);
  await shot(page, "shared");
  await page.goto(`${house().server.url}/settings/shares`);
  await page.getByRole("link", { name: "Share me" }).waitFor();
  await expectAccessible(page);
  await shot(page, "settings-shares");
  await page.getByRole("button", { name: "Revoke the link to Share me" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByText("You have shared nothing").waitFor();
  await page.goto(address);
  await page.getByText("This conversation is not shared any more").waitFor();
});

test("a session that ends in the middle keeps the draft: sign in over the page and go on", async () => {
  const page = await house().page();
  (await ask(page, "Before the end")).answer("Yes.");
  await answers(page).getByText("Yes.").waitFor();
  await composer(page).fill("An unfinished thought");
  await page.context().clearCookies();
  await composer(page).press("Enter");
  await page.getByRole("dialog").getByLabel("Password").waitFor();
  await page.getByRole("dialog").getByLabel("Password").fill(house().server.password);
  await page.getByRole("dialog").getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await composer(page).inputValue()).toBe("An unfinished thought");
  const [talk] = await Promise.all([model.next(), composer(page).press("Enter")]);
  talk.answer("Finished.");
  await answers(page).getByText("Finished.").waitFor();
});

test("a draft survives a reload, and is gone after signing out", async () => {
  const page = await house().page();
  await composer(page).fill("Half a thought");
  await page.reload();
  await expect.poll(() => composer(page).inputValue()).toBe("Half a thought");
  await page.getByRole("button", { name: "Your account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByLabel("Password").waitFor();
  expect(await page.evaluate(() => Object.keys(localStorage).filter((k) => k.startsWith("sallyport.draft.")))).toEqual([]);
  await signIn(page, house().server);
  expect(await composer(page).inputValue()).toBe("");
});

test("by keyboard alone: ask, stop, choose a model, edit, open the details", async () => {
  const page = await house().page();
  await page.waitForFunction(() => document.activeElement?.tagName === "TEXTAREA");
  await page.keyboard.type("Only keys");
  const [talk] = await Promise.all([model.next(), page.keyboard.press("Enter")]);
  talk.say("Half an answer");
  await answers(page).getByText("Half an answer").waitFor();
  await page.keyboard.press("Escape");
  await answers(page).getByText("Stopped").waitFor();
  await page.keyboard.press("Alt+Shift+KeyM");
  await page.getByRole("dialog", { name: "Choose a model" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const reach = async (name: string) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press("Shift+Tab");
      if ((await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))) === name) return;
    }
    throw new Error(`${name} is not reached by the Tab key`);
  };
  await reach("More");
  await page.keyboard.press("Enter");
  await page.getByRole("menuitem", { name: "Details" }).waitFor();
  await expect.poll(async () => {
    await page.keyboard.press("ArrowDown");
    return page.evaluate(() => document.activeElement?.textContent);
  }, { timeout: 60_000 }).toBe("Details");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Details" }).waitFor();
  await expectAccessible(page);
  await shot(page, "chat-details");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await reach("Edit message");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "Edited message");
  await page.keyboard.press("Escape");
  await page.getByRole("textbox", { name: "Edited message" }).waitFor({ state: "detached" });
});

test("the reader who has scrolled up is left alone, and 'Latest' leads back", async () => {
  const page = await house().page({ height: 500 });
  const talk = await ask(page, "A long one");
  const lines = (from: number) => Array.from({ length: 40 }, (_, i) => `Line ${from + i}.\n\n`).join("");
  talk.say(lines(0));
  await answers(page).getByText("Line 39.").waitFor();
  const place = () => log(page).evaluate((e) => ({ top: e.scrollTop, below: e.scrollHeight - e.clientHeight - e.scrollTop }));
  await expect.poll(async () => (await place()).below).toBeLessThanOrEqual(1);
  await log(page).hover();
  await page.mouse.wheel(0, -200);
  await page.getByRole("button", { name: "Latest" }).waitFor();
  const before = (await place()).top;
  talk.say(lines(40));
  await answers(page).getByText("Line 79.").waitFor({ state: "attached" });
  expect(Math.abs((await place()).top - before)).toBeLessThanOrEqual(1);
  await page.getByRole("button", { name: "Latest" }).click();
  await expect.poll(async () => (await place()).below).toBeLessThanOrEqual(1);
  talk.answer("The end.");
  await answers(page).getByText("The end.").waitFor();
  await expect.poll(async () => (await place()).below).toBeLessThanOrEqual(1);
});

test("on a phone the list is a drawer and nothing scrolls sideways", async () => {
  const page = await house().page();
  await page.setViewportSize({ width: 320, height: 640 });
  (await ask(page, "On a phone")).answer(`A table:\n\n|${" wide |".repeat(20)}\n|${"---|".repeat(20)}\n|${" cell |".repeat(20)}\n\nand ${"longword".repeat(30)}`);
  await answers(page).getByText("cell").first().waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
  expect(await log(page).evaluate((e) => e.scrollWidth - e.clientWidth)).toBeLessThanOrEqual(0);
  await page.getByRole("button", { name: "Conversations" }).click();
  await page.getByRole("dialog", { name: "Conversations" }).getByRole("link", { name: "On a phone" }).waitFor();
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await shot(page, "chat-phone");
  await newChat(page);
});

test("on a phone the name of a model is there in full, however long", async () => {
  const page = await house().page({ at: "/chat", width: 390, height: 844 });
  await page.getByRole("button", { name: /^Model: / }).click();
  const picker = page.getByRole("dialog");
  const option = picker.getByRole("option", { name: longName });
  await option.waitFor();
  expect(await picker.getByRole("listbox").evaluate((e) => e.scrollWidth - e.clientWidth)).toBe(0);
  await option.click();
  const name = page.getByRole("button", { name: `Model: ${longName}` }).getByText(longName);
  await name.waitFor();
  expect(await name.evaluate((e) => [e.scrollWidth - e.clientWidth, e.scrollHeight - e.clientHeight])).toEqual([0, 0]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  await page.getByRole("button", { name: "Send" }).waitFor();
});
