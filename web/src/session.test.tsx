import { fireEvent, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { call } from "@/api/client";
import { useSessionState } from "@/session";
import { Shell } from "@/shell/Shell";
import { Answer, refusal, renderPage, sessionOf } from "@/test/render";

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

/** What a tab hears when the session became another one in another. */
const anotherTab = (newValue = "another") => fireEvent(window, new StorageEvent("storage", { key: "sallyport.session", newValue }));

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

test("who signs out in one tab is signed out in all", async () => {
  await renderPage(<Probe />, { answers: { "DELETE /api/v1/session": null } });
  await screen.findByText("Ann");
  anotherTab("");
  await screen.findByText("nobody");
  await userEvent.click(screen.getByText("out"));
  expect(localStorage.getItem("sallyport.session")).toBe(""); // which the other tabs hear
});

test("a page shows nothing of the organisation that another tab has left", async () => {
  let session = sessionOf();
  const { queries } = await renderPage(<Shell />, {
    answers: {
      "GET /api/v1/session": () => session,
      "GET /api/v1/conversations": { conversations: [] },
      "GET /api/v1/agents": { agents: [] },
    },
  });
  await screen.findByText("Acme");
  queries.setQueryData(["keys"], ["of Acme"]);
  fireEvent.keyDown(document.body, { key: "k", ctrlKey: true });
  await userEvent.type(await screen.findByRole("combobox"), "typed for Acme");
  session = sessionOf({ organisation: { id: "o-beta", name: "Beta" } });
  anotherTab();
  await screen.findByText("Beta");
  await waitFor(() => expect(screen.queryByRole("combobox")).toBeNull());
  expect(queries.getQueryData(["keys"])).toBeUndefined();
});

test("an answer that was asked for before signing out signs nobody in again", async () => {
  let come = (_: unknown) => {};
  let asked = 0;
  const { queries } = await renderPage(<Probe />, {
    answers: {
      "GET /api/v1/session": () => (asked++ === 0 ? sessionOf() : new Promise((resolve) => (come = resolve))),
      "DELETE /api/v1/session": new Answer(204),
    },
  });
  await screen.findByText("Ann");
  anotherTab();
  await waitFor(() => expect(asked).toBe(2));
  await userEvent.click(screen.getByText("out"));
  await screen.findByText("nobody");
  come(sessionOf());
  await waitFor(() => expect(queries.isFetching()).toBe(0));
  expect(screen.getByText("nobody")).toBeTruthy();
});

test("a sign-out that did not reach the server is told: one is still signed in", async () => {
  await renderPage(<Shell />, { answers: { "DELETE /api/v1/session": refusal(503, "the database is away") } });
  await userEvent.click(await screen.findByRole("button", { name: "Your account", expanded: false }));
  await userEvent.click(await screen.findByRole("menuitem", { name: "Sign out" }));
  await screen.findByText("the database is away");
  expect(screen.getByText("Acme")).toBeTruthy();
});

test("one who signed in again in another tab is asked no more, and writes with the new token", async () => {
  let session = sessionOf();
  const { asked } = await renderPage(<Probe />, {
    answers: { "GET /api/v1/session": () => session, "GET /api/v1/keys": refusal(401, "ended"), "DELETE /api/v1/session": new Answer(204) },
  });
  await screen.findByText("Ann");
  await userEvent.click(screen.getByText("read"));
  await screen.findByText("Ann (ended)");
  session = sessionOf({ csrf_token: "the new one" });
  anotherTab();
  await screen.findByText("Ann");
  await userEvent.click(screen.getByText("out"));
  await screen.findByText("nobody");
  expect(asked.find((r) => r.method === "DELETE")?.headers.get("X-CSRF-Token")).toBe("the new one");
  expect(localStorage.getItem("sallyport.session")).not.toBeNull(); // which the other tabs hear
});
