import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { refusal, renderPage, sessionOf } from "@/test/render";
import SignIn from ".";

test("signing in leads to the page that was asked for", async () => {
  const { router, asked } = await renderPage(<SignIn />, {
    session: null,
    at: "/sign-in?to=%2Fruns%3Fstate%3Dfailed",
    route: "/sign-in",
    answers: { "GET /api/v1/setup": { needed: false }, "POST /api/v1/session": sessionOf() },
  });
  await userEvent.type(await screen.findByLabelText("E-mail"), "ann@acme.test");
  await userEvent.type(screen.getByLabelText("Password"), "a long password");
  await userEvent.click(screen.getByRole("button", { name: "Sign in" }));
  await screen.findByText("elsewhere");
  expect(router.state.location.href).toBe("/runs?state=failed");
  expect(await asked.find((r) => r.method === "POST")?.json()).toEqual({ email: "ann@acme.test", password: "a long password" });
});

test("a refusal is shown as the server says it, with when to try again", async () => {
  const refused = refusal(429, "Too many tries.");
  refused.headers["Retry-After"] = "30";
  await renderPage(<SignIn />, {
    session: null, at: "/sign-in",
    answers: { "GET /api/v1/setup": { needed: false }, "POST /api/v1/session": refused },
  });
  await userEvent.type(await screen.findByLabelText("E-mail"), "ann@acme.test");
  await userEvent.type(screen.getByLabelText("Password"), "wrong{Enter}");
  const alert = await screen.findByRole("alert");
  within(alert).getByText("Too many tries.");
  within(alert).getByText(/in \d+ seconds/);
});

test("a wrong password is told without the id of a request, which a fault of the server has", async () => {
  for (const [refused, shown] of [[refusal(401, "E-mail or password is wrong."), 0], [refusal(500, "internal error"), 1]] as const) {
    const { unmount } = await renderPage(<SignIn />, { session: null, at: "/sign-in", answers: { "GET /api/v1/setup": { needed: false }, "POST /api/v1/session": refused } });
    await userEvent.type(await screen.findByLabelText("E-mail"), "ann@acme.test");
    await userEvent.type(screen.getByLabelText("Password"), "wrong{Enter}");
    expect(within(await screen.findByRole("alert")).queryAllByText("req_test")).toHaveLength(shown);
    unmount();
  }
});

test("an empty server leads to its set-up", async () => {
  const { router } = await renderPage(<SignIn />, { session: null, at: "/sign-in", answers: { "GET /api/v1/setup": { needed: true } } });
  await screen.findByText("elsewhere");
  expect(router.state.location.pathname).toBe("/setup");
});
