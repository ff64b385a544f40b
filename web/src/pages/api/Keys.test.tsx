import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { refusal, renderPage, sessionOf, silence } from "@/test/render";
import Api from ".";

const session = sessionOf({ actions: ["keys.create", "keys.list"] });
const models = [{ id: "demo-model", provider: "demo", price: { input: "1", output: "2" }, default: true }];
const key = { id: "k1", name: "ci", prefix: "sp-abc", user_id: "u-ann", created_at: "2026-01-01T00:00:00Z", expires_at: null, revoked_at: null };
const others = { ...key, id: "k2", name: "somebody else's", user_id: "u-bob" };

function show(keys: unknown, more = {}) {
  return renderPage(<Api />, { session, at: "/settings/api", answers: { "GET /api/v1/keys": keys, "GET /api/v1/models/available": models, ...more } });
}

test("without the right there is no page, and it says what gives the right", async () => {
  const { asked } = await renderPage(<Api />, { session: sessionOf(), at: "/settings/api" });
  await screen.findByText(/Personal API Key Access/);
  expect(asked.map((r) => new URL(r.url).pathname)).toEqual(["/api/v1/session"]);
});

test("empty: it says what a key is for", async () => {
  await show([]);
  await screen.findByText("You have no keys yet");
});

test("loading: nothing but a status that says so", async () => {
  await show(silence);
  const keys = await screen.findByRole("region", { name: "API keys" });
  await within(keys).findByRole("status", { name: "Loading" });
});

test("failed: the reason, the request's id, and another try", async () => {
  let tries = 0;
  await show(() => (tries++ === 0 ? refusal(500, "the disk is full") : [key]));
  await screen.findByText("the disk is full");
  await screen.findByText("req_test");
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  await screen.findByRole("row", { name: /ci/ });
});

test("people see their own keys, also when the server lists everybody's", async () => {
  await show([key, others]);
  await screen.findByRole("row", { name: /ci/ });
  expect(screen.queryByText("somebody else's")).toBeNull();
});

test("a key is made with the session's token, and shown once", async () => {
  const { asked, router } = await show([key], {
    "POST /api/v1/keys": { key: { ...key, id: "k3", name: "new one" }, api_key: "sp-the-secret" },
  });
  await userEvent.click(await screen.findByRole("button", { name: "Create key" }));
  const dialog = await screen.findByRole("dialog");
  await userEvent.type(within(dialog).getByLabelText("Name"), "new one");
  await userEvent.click(within(dialog).getByRole("button", { name: "Create key" }));
  await screen.findByText("sp-the-secret");
  const made = asked.find((r) => r.method === "POST");
  expect(made?.headers.get("X-CSRF-Token")).toBe("csrf-of-the-test");
  expect(((await made?.json()) as { name: string }).name).toBe("new one");
  await userEvent.click(screen.getByRole("button", { name: "Done" }));
  await waitFor(() => expect(screen.queryByText("sp-the-secret")).toBeNull());
  expect(router.state.location.href).not.toContain("secret");
  expect(JSON.stringify({ ...localStorage })).not.toContain("secret");
});

test("a refused form keeps what was typed and says why", async () => {
  await show([], { "POST /api/v1/keys": refusal(422, "limits: a number is negative") });
  await userEvent.click(await screen.findByRole("button", { name: "Create key" }));
  const dialog = await screen.findByRole("dialog");
  await userEvent.type(within(dialog).getByLabelText("Name"), "kept");
  await userEvent.click(within(dialog).getByRole("button", { name: "Create key" }));
  await within(dialog).findByText("limits: a number is negative");
  expect((within(dialog).getByLabelText("Name") as HTMLInputElement).value).toBe("kept");
});
