import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { refusal, renderPage, sessionOf, silence } from "@/test/render";
import Setup from ".";

const show = (needed: unknown, more = {}) => renderPage(<Setup />, { session: null, at: "/setup", answers: { "GET /api/v1/setup": needed, ...more } });

async function fill() {
  for (const [label, text] of [["Set-up token", "tok"], ["Organisation", "Acme"], ["Your name", "Ann"], ["E-mail", "ann@acme.test"], ["Password", "a long password"]] as const) {
    await userEvent.type(await screen.findByLabelText(label), text);
  }
  await userEvent.click(screen.getByRole("button", { name: "Set up and sign in" }));
}

test("the first person sets the server up and is signed in", async () => {
  let made = false;
  const { asked, router } = await show({ needed: true }, {
    "POST /api/v1/setup": () => ((made = true), sessionOf()),
    "GET /api/v1/session": () => (made ? sessionOf() : refusal(401, "no session")),
  });
  await fill();
  await screen.findByText("elsewhere");
  expect(router.state.location.pathname).toBe("/chat");
  expect(await asked.find((r) => r.method === "POST")?.json()).toEqual({ token: "tok", organisation: "Acme", name: "Ann", email: "ann@acme.test", password: "a long password" });
});

test("a wrong token is told of, and what was typed stays", async () => {
  await show({ needed: true }, { "POST /api/v1/setup": refusal(403, "the token is wrong") });
  await fill();
  await screen.findByText("the token is wrong");
  expect((screen.getByLabelText("Organisation") as HTMLInputElement).value).toBe("Acme");
});

test("where somebody is already it leads to sign-in", async () => {
  await show({ needed: false });
  await screen.findByRole("link", { name: "Go to sign-in" });
});

test("loading says so", async () => {
  await show(silence);
  await screen.findByRole("status", { name: "Loading" });
});

test("a failure is shown in place", async () => {
  await show(refusal(500, "the database is locked"));
  await screen.findByText("the database is locked");
});

test("the link that the server printed brings the token", async () => {
  await renderPage(<Setup />, { session: null, at: "/setup#tok-of-the-link", route: "/setup", answers: { "GET /api/v1/setup": { needed: true } } });
  expect((await screen.findByLabelText<HTMLInputElement>("Set-up token")).value).toBe("tok-of-the-link");
  expect(document.activeElement).toBe(screen.getByLabelText("Organisation"));
});
