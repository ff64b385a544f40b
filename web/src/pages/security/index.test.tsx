import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { Answer, refusal, renderPage, sessionOf, silence } from "@/test/render";
import Security from ".";

const session = (id: string, current: boolean) => ({
  id, current, created_at: "2026-01-01T00:00:00Z", seen_at: "2026-01-01T00:00:00Z", expires_at: "2026-01-02T00:00:00Z", address: "192.0.2.7", user_agent: `Browser ${id}`,
});

test("loading and failing", async () => {
  const { unmount } = await renderPage(<Security />, { answers: { "GET /api/v1/sessions": silence } });
  expect(await screen.findByRole("status", { name: "Loading" })).toBeTruthy();
  unmount();
  await renderPage(<Security />, { answers: { "GET /api/v1/sessions": refusal(403, "no right") } });
  expect(await screen.findByText(/no right/)).toBeTruthy();
});

test("other sessions can be ended, the present one cannot", async () => {
  const { asked } = await renderPage(<Security />, {
    answers: { "GET /api/v1/sessions": [session("one", true), session("two", false)], "DELETE /api/v1/sessions/two": new Answer(204) },
  });
  expect(await screen.findByText("This one")).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: /^End the session from 192\.0\.2\.7/ }));
  expect(await screen.findByText("The session has ended")).toBeTruthy();
  expect(asked.filter((r) => r.method === "DELETE")).toHaveLength(1);
});

test("writes after a new password carry the new session's token", async () => {
  const { asked } = await renderPage(<Security />, {
    answers: {
      "GET /api/v1/sessions": [session("one", true), session("two", false)],
      "GET /api/v1/session": sessionOf({ csrf_token: "the-new-one" }),
      "PUT /api/v1/password": sessionOf({ csrf_token: "the-new-one" }),
      "DELETE /api/v1/sessions/two": new Answer(204),
    },
  });
  await userEvent.type(await screen.findByLabelText("Present password"), "what it was");
  await userEvent.type(screen.getByLabelText("New password"), "what it will be");
  await userEvent.click(screen.getByRole("button", { name: "Change password" }));
  expect(await screen.findByText(/The password is changed/)).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: /^End the session/ }));
  expect((await screen.findAllByText("The session has ended")).length).toBeGreaterThan(0);
  expect(asked.find((r) => r.method === "DELETE")?.headers.get("X-CSRF-Token")).toBe("the-new-one");
});

test("a session names its browser in words, and has what the browser said as its title", async () => {
  const agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
  await renderPage(<Security />, { answers: { "GET /api/v1/sessions": [{ ...session("one", true), user_agent: agent }, session("two", false)] } });
  expect((await screen.findByText("Chrome on Linux")).title).toBe(agent);
  expect(screen.getByText("Browser two")).toBeTruthy();
});
