import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { call } from "@/api/client";
import { useSessionState } from "@/session";
import { refusal, renderPage, sessionOf } from "@/test/render";

function Probe() {
  const { session, ended, signIn, signOut } = useSessionState();
  return (
    <>
      <p>{session ? `${session.user.name}${ended ? " (ended)" : ""}` : "nobody"}</p>
      <button type="button" onClick={() => void call("GET", "/api/v1/keys").catch(() => {})}>read</button>
      <button type="button" onClick={() => void signIn("a", "b")}>in</button>
      <button type="button" onClick={() => void signOut()}>out</button>
    </>
  );
}

const draft = "sallyport.draft.c1";

test("a 401 ends the session but keeps who it was; the same person goes on, with their drafts", async () => {
  localStorage.setItem(draft, "half a thought");
  await renderPage(<Probe />, { answers: { "GET /api/v1/keys": refusal(401, "ended"), "POST /api/v1/session": sessionOf() } });
  await screen.findByText("Ann");
  await userEvent.click(screen.getByText("read"));
  await screen.findByText("Ann (ended)");
  await userEvent.click(screen.getByText("in"));
  await screen.findByText("Ann");
  expect(localStorage.getItem(draft)).toBe("half a thought");
});

test("another person finds no drafts", async () => {
  localStorage.setItem(draft, "half a thought");
  const bob = sessionOf({ user: { id: "u-bob", email: "bob@acme.test", name: "Bob" } });
  await renderPage(<Probe />, { answers: { "POST /api/v1/session": bob } });
  await screen.findByText("Ann");
  await userEvent.click(screen.getByText("in"));
  await screen.findByText("Bob");
  expect(localStorage.getItem(draft)).toBeNull();
});

test("signing out forgets drafts, also when the session had ended before", async () => {
  localStorage.setItem(draft, "half a thought");
  await renderPage(<Probe />, { answers: { "DELETE /api/v1/session": refusal(401, "no session") } });
  await screen.findByText("Ann");
  await userEvent.click(screen.getByText("out"));
  await screen.findByText("nobody");
  expect(localStorage.getItem(draft)).toBeNull();
});
