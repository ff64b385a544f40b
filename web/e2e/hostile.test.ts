import { afterAll, expect, test } from "vitest";
import { outside, payloads } from "../src/pages/chat/hostile";
import { type Page, useHouse } from "./harness";
import { type Model, startModel } from "./model";

// What hostile models may write, drawn by a real browser. useHouse fails the file
// when a page throws, or asks anything of another host.

const model: Model = await startModel();
afterAll(() => model.stop());
const house = useHouse({ config: model.config("hostile") });

/** A page of messages has 50: so many questions with their answers. */
const together = 20;

/** No provider can send these: they are no JSON that a gateway takes. */
const unsendable = new Set(["lone surrogates"]);
const sendable = Object.entries(payloads).filter(([name]) => !unsendable.has(name));
const groups = Array.from({ length: Math.ceil(sendable.length / together) }, (_, i) => sendable.slice(i * together, (i + 1) * together));

async function api<T>(method: string, path: string, body?: object): Promise<T> {
  const { url, apiKey } = house().server;
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${apiKey}`, "Content-Type": "application/json" },
    body: body === undefined ? null : JSON.stringify(body),
  });
  expect(response.ok, `${method} ${path}: ${response.status}`).toBe(true);
  return (await response.json()) as T;
}

/** converse makes a conversation in which the model says each of the texts. */
async function converse(texts: [string, string][]): Promise<string> {
  const { id } = await api<{ id: string }>("POST", "/conversations", { model: "hostile" });
  let parent = "";
  for (const [name, text] of texts) {
    const sent = await api<{ answer: { id: string } }>("POST", `/conversations/${id}/messages`, { parent, text: name });
    (await model.next()).answer(text);
    parent = sent.answer.id;
    const follow = await fetch(`${house().server.url}/api/v1/conversations/${id}/messages/${parent}/events`, { headers: { Authorization: `Bearer ${house().server.apiKey}` } });
    expect(await follow.text(), name).toContain('"state":"done"');
  }
  return id;
}

test.each(groups.map((group, i) => [i + 1, group] as const))("hostile payloads, group %d: no dialog, nothing runs, no request", async (_, group) => {
  const id = await converse(group);
  const page = await house().page({ at: `/chat/${id}` });
  const dialogs: string[] = [];
  page.on("dialog", (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  await page.addStyleTag({ content: "article { content-visibility: visible !important }" }); // draw all, not only what is in view
  const answers = page.getByRole("log").locator("article[data-role=assistant]");
  await expect.poll(() => answers.count(), { timeout: 60_000 }).toBe(group.length);
  await drawn(page, group);
  expect(await found(page)).toEqual([]);
  await pressAll(page);
  expect(dialogs).toEqual([]);
  expect(page.context().pages()).toHaveLength(1);
  expect(page.url()).toBe(`${house().server.url}/chat/${id}`);
  await page.context().close();
});

/** drawn waits for what is drawn late: texts, each when its turn comes; diagrams, or the code that stands for them; formulas. */
async function drawn(page: Page, group: readonly [string, string][]) {
  await expect.poll(() => page.getByRole("log").locator("[aria-busy=true]").count(), { timeout: 60_000 }).toBe(0);
  if (group.some(([name]) => name === "diagram that runs")) await page.locator("[data-diagram] svg").first().waitFor();
  if (group.some(([name]) => name === "formula with HTML")) await page.locator(".katex").first().waitFor();
  await page.waitForLoadState("networkidle");
}

/** found lists what must never come of a text that nobody vouches for. */
function found(page: Page): Promise<string[]> {
  return page.evaluate((stranger) => {
    const bad: string[] = [];
    for (const text of document.querySelectorAll(".markdown")) {
      for (const e of text.querySelectorAll("script, iframe, frame, object, embed, form, img, image, picture, video, audio, link, meta, base, dialog, foreignObject, use")) bad.push(e.outerHTML.slice(0, 100));
      for (const e of text.querySelectorAll("*")) {
        const drawing = e.closest("[data-diagram], .katex, .katex-error");
        for (const { name, value } of e.attributes) {
          if (/^on/i.test(name) || /javascript:|vbscript:/i.test(value) || (/url\(/i.test(value) && !/url\(["']?#/.test(value))) bad.push(`${name}=${value.slice(0, 100)}`);
          if (/^(src|srcset|action|formaction|poster|ping)$/.test(name)) bad.push(name);
          if (name === "href" && !/^(https?:\/\/|mailto:)/.test(value)) bad.push(`href=${value}`);
          if (name === "style" && !drawing && /position|background|url/i.test(value)) bad.push(`style=${value}`);
        }
        const style = getComputedStyle(e);
        if (style.position === "fixed" || style.backgroundImage.includes(stranger)) bad.push(`${e.tagName} is ${style.position} with ${style.backgroundImage}`);
      }
    }
    return bad;
  }, outside);
}

/** pressAll presses each link: a dialog of ours asks first, and nothing opens. */
async function pressAll(page: Page) {
  const links = await page.locator(".markdown a").elementHandles();
  for (const link of links.slice(0, 6)) {
    const address = await link.getAttribute("href");
    await link.click();
    const ask = page.getByRole("dialog", { name: "Open this link?" });
    await ask.waitFor();
    expect(await ask.locator("[data-address]").innerText()).toBe(address);
    await page.keyboard.press("Escape");
    await ask.waitFor({ state: "detached" });
  }
}
