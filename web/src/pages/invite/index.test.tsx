import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test } from "vitest";
import { refusal, renderPage, silence } from "@/test/render";
import Invite from ".";

const invite = { organisation: "Acme", email: "bob@acme.test", role: "user", known: false, expires_at: "2030-01-01T00:00:00Z" };
afterEach(() => history.replaceState(null, "", "/"));

const page = (answer: unknown, token = "the-token") => {
  history.replaceState(null, "", `/invite${token && `#${token}`}`);
  return renderPage(<Invite />, { session: null, at: "/invite", answers: { "POST /api/v1/invites/look": answer, "POST /api/v1/invites/accept": refusal(400, "A password has at least 12 characters.") } });
};

test("loading, refused, without a token", async () => {
  let { unmount } = await page(silence);
  expect(await screen.findByRole("status", { name: "Loading" })).toBeTruthy();
  unmount();
  ({ unmount } = await page(refusal(404, "This link opens nothing.")));
  expect(await screen.findByText("This link opens nothing.")).toBeTruthy();
  unmount();
  await page(invite, "");
  expect((await screen.findByRole("alert")).textContent).toContain("the whole link");
});

test("a new person gives a name and a password; the token is only in the body", async () => {
  const { asked } = await page(invite);
  await userEvent.type(await screen.findByLabelText("Your name"), "Bob");
  await userEvent.type(screen.getByLabelText("Choose a password"), "a long enough one");
  await userEvent.click(screen.getByRole("button", { name: "Accept and sign in" }));
  expect((await screen.findByRole("alert")).textContent).toContain("at least 12 characters");
  const sent = asked.find((r) => r.url.endsWith("/accept"));
  expect(await sent?.json()).toEqual({ token: "the-token", name: "Bob", password: "a long enough one" });
  expect(asked.some((r) => r.url.includes("the-token"))).toBe(false);
});

test("who has an account gives its password and no name", async () => {
  await page({ ...invite, known: true });
  expect(await screen.findByLabelText("Password")).toBeTruthy();
  expect(screen.queryByLabelText("Your name")).toBeNull();
});
