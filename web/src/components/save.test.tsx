import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { Answer, refusal, renderPage } from "@/test/render";
import { heldMax } from "./save";
import { SaveButton } from "./SaveButton";

const path = "/api/v1/users/export";
const saved: string[] = [];
const followed: string[] = [];

beforeEach(() => {
  saved.length = followed.length = 0;
  URL.createObjectURL = () => "blob:here";
  URL.revokeObjectURL = () => {};
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
    saved.push(this.download);
    followed.push(this.href);
  });
});

const show = (answer: unknown) => renderPage(<SaveButton path={path}>Download CSV</SaveButton>, { answers: { [`GET ${path}`]: answer } });

test.each([
  ['attachment; filename="users.csv"', "users.csv"],
  ["attachment; filename=chat.md", "chat.md"],
  ['attachment; filename="the \\"best\\" one.md"', 'the "best" one.md'],
  ["attachment; filename*=utf-8''%C3%BCber.json", "über.json"],
  ["", "download"],
])("a file has the name that the server gives: %s", async (disposition, name) => {
  await show(new Answer(200, "a,b", disposition ? { "Content-Disposition": disposition } : {}));
  await userEvent.click(await screen.findByRole("button", { name: "Download CSV" }));
  await waitFor(() => expect(saved).toEqual([name]));
});

test("a refusal is told on the page, and saves nothing", async () => {
  await show(refusal(503, "the trail cannot be read"));
  await userEvent.click(await screen.findByRole("button", { name: "Download CSV" }));
  await screen.findByText("the trail cannot be read");
  expect(saved).toEqual([]);
  expect(screen.getByRole("button", { name: "Download CSV" }).getAttribute("aria-busy")).toBeNull();
});

/** A file of so many megabytes, and whether somebody has read on to its end. */
function large(megabytes: number) {
  const megabyte = new Uint8Array(1024 * 1024);
  const seen = { given: 0, left: false };
  const body = new ReadableStream({
    pull(out) {
      if (seen.given++ < megabytes) out.enqueue(megabyte);
      else out.close();
    },
    cancel: () => void (seen.left = true),
  });
  return { seen, answer: new Response(body, { headers: { "Content-Disposition": "attachment; filename=trail.csv" } }) };
}

test("a file that is too large to hold is left to the browser, which asks for it itself", async () => {
  const { seen, answer } = large(1000);
  const { asked } = await show(answer);
  await userEvent.click(await screen.findByRole("button", { name: "Download CSV" }));
  await waitFor(() => expect(followed).toEqual([location.origin + path]));
  expect(saved).toEqual([""]); // the name is the server's
  expect(seen.left).toBe(true);
  expect(seen.given).toBeLessThan(heldMax / 1024 / 1024 + 5);
  expect(asked.filter((r) => r.url.endsWith(path))).toHaveLength(1);
  await waitFor(() => expect(screen.getByRole("button", { name: "Download CSV" }).getAttribute("aria-busy")).toBeNull());
});

test("a file that is not is saved by the page, asked for once", async () => {
  await show(large(heldMax / 1024 / 1024).answer);
  await userEvent.click(await screen.findByRole("button", { name: "Download CSV" }));
  await waitFor(() => expect(saved).toEqual(["trail.csv"]));
  expect(followed).toEqual(["blob:here"]);
});

test("a file that breaks off is not saved in part", async () => {
  let told = false;
  await show(new Response(new ReadableStream({
    pull(out) {
      if (told) return out.error(new TypeError("network error"));
      told = true;
      out.enqueue(new Uint8Array(10));
    },
  })));
  await userEvent.click(await screen.findByRole("button", { name: "Download CSV" }));
  await screen.findByText("network error");
  expect(saved).toEqual([]);
});
