import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { Answer, refusal, renderPage } from "@/test/render";
import { SaveButton } from "./SaveButton";

const path = "/api/v1/users/export";
const saved: string[] = [];

beforeEach(() => {
  saved.length = 0;
  URL.createObjectURL = () => "blob:here";
  URL.revokeObjectURL = () => {};
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
    saved.push(this.download);
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
