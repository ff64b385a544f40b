import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { refusal, renderPage, sessionOf, silence } from "@/test/render";
import Users from ".";

const ann = {
  id: "u-1", email: "ann@acme.test", name: "Ann", role: "user", state: "active",
  groups: [{ id: "g-1", name: "Red" }], created_at: "2026-01-01T00:00:00Z", seen_at: null,
};
const everything = ["users.list", "users.update", "users.sign_out", "users.export", "invites.list", "invites.create", "invites.delete", "groups.list", "groups.add"];
const beside = { "GET /api/v1/groups": [{ id: "g-1", name: "Red", created_at: "2026-01-01T00:00:00Z" }], "GET /api/v1/invites": [], "GET /api/v1/users/export": refusal(403, "not this one") };

const page = (users: unknown, at = "/admin/users") =>
  renderPage(<Users />, { at, session: sessionOf({ actions: everything }), answers: { ...beside, "GET /api/v1/users": users } });

test("loading", async () => {
  await page(silence);
  expect(await screen.findByRole("status", { name: "Loading" })).toBeTruthy();
});

test("an error says what happened, and offers to try again", async () => {
  await page(refusal(500, "internal error"));
  expect(await screen.findByText("internal error")).toBeTruthy();
  expect(screen.getByRole("button", { name: "Try again" })).toBeTruthy();
});

test("no right, by the session and by the server", async () => {
  const { unmount } = await renderPage(<Users />, { session: sessionOf({ actions: [] }) });
  expect(await screen.findByText("You may not see this")).toBeTruthy();
  unmount();
  await page(refusal(403, "no group grants it"));
  expect(await screen.findByText(/no group grants it/)).toBeTruthy();
});

test("nobody matches: the filters are shown and can be taken away", async () => {
  const { router } = await page({ users: [], next: "" }, "/admin/users?q=zoe");
  await userEvent.click(await screen.findByRole("button", { name: "Clear filters" }));
  expect(router.state.location.search).toEqual({});
});

test("the filter goes to the server and to the CSV", async () => {
  const { asked } = await page({ users: [ann], next: "" }, "/admin/users?state=active&role=user");
  await userEvent.click(await screen.findByRole("button", { name: "Download CSV" }));
  await screen.findByText("not this one");
  expect(asked.some((r) => r.url.endsWith("/users/export?role=user&state=active"))).toBe(true);
  const list = asked.find((r) => new URL(r.url).pathname.endsWith("/users"));
  expect(new URL(list?.url ?? "").searchParams.get("state")).toBe("active");
});

test("an invitation's links are shown once, and who was refused is named", async () => {
  const { asked } = await renderPage(<Users />, {
    at: "/admin/users",
    session: sessionOf({ actions: everything }),
    answers: {
      ...beside,
      "GET /api/v1/users": { users: [ann], next: "" },
      "POST /api/v1/invites": async (r: Request) =>
        ((await r.json()) as { email: string }).email === "ann@acme.test" ? refusal(409, "The person is a member already.") : { invite: {}, path: "/invite#the-token" },
    },
  });
  await userEvent.click(await screen.findByRole("button", { name: "Invite" }));
  const form = await screen.findByRole("dialog");
  await userEvent.type(within(form).getByLabelText("E-mail addresses"), "bob@acme.test, ann@acme.test");
  await userEvent.click(within(form).getByLabelText("Red"));
  await userEvent.click(within(form).getByRole("button", { name: "Make links" }));
  const link = await screen.findByLabelText<HTMLInputElement>("Link for bob@acme.test");
  expect(link.value).toMatch(/\/invite#the-token$/);
  expect(screen.getByRole("alert").textContent).toContain("ann@acme.test: The person is a member already.");
  const sent = await Promise.all(asked.filter((r) => r.method === "POST").map((r) => r.json()));
  expect(sent[0]).toEqual({ email: "bob@acme.test", role: "user", groups: ["g-1"] });
});
