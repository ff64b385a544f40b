import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { refusal, renderPage, sessionOf, silence } from "@/test/render";
import Models from ".";

const model = {
  id: "mock-large", display_name: "Mock Large", provider: "fake", target: "big", context_window: 128000, output_max: 4096,
  price: { input: "1", output: "2", version: "price-1" }, images: true, offline: false, enabled: true, default: true, managed_by: "file",
};
const provider = { name: "own", type: "openai", base_url: "https://llm.example.com", credential_set: true, credential_at: "2026-11-03T10:00:00Z", managed_by: "organisation" };
const answers = {
  "GET /api/v1/models": [model, { ...model, id: "off", display_name: "Switched off", enabled: false, default: false, managed_by: "organisation" }],
  "GET /api/v1/models/rules": { new: "on" },
  "GET /api/v1/providers": [provider],
};
const session = sessionOf({ actions: ["models.access", "models.test", "models.save", "models.set_default", "models.set_rules", "providers.save", "providers.test"] });
const at = "/admin/models";

test("while it loads, when there is nothing, when it fails and without the right", async () => {
  const loading = await renderPage(<Models />, { at, session, answers: { ...answers, "GET /api/v1/models": silence } });
  await screen.findByRole("status", { name: "Loading" });
  loading.unmount();
  const empty = await renderPage(<Models />, { at, session, answers: { ...answers, "GET /api/v1/models": [] } });
  await screen.findByText("There is no model");
  empty.unmount();
  const failed = await renderPage(<Models />, { at, session, answers: { ...answers, "GET /api/v1/models": refusal(500, "the disk is full") } });
  await screen.findByText("the disk is full");
  await screen.findByText("req_test");
  failed.unmount();
  await renderPage(<Models />, { at, session, answers: { ...answers, "GET /api/v1/models": refusal(403, "this needs the role administrator") } });
  await screen.findByText(/this needs the role administrator/);
});

test("what the operator's file manages is read-only and says so; its test is shown", async () => {
  const { asked } = await renderPage(<Models />, {
    at: `${at}?model=mock-large`, session,
    answers: { ...answers, "POST /api/v1/models/test": { ok: false, failed: "unauthorized", message: "Replace the key.", ms: 12, tokens: 0, answer: "", request_id: "r" } },
  });
  const drawer = await screen.findByRole("dialog");
  await within(drawer).findByText(/read-only here/);
  expect(within(drawer).queryByRole("button", { name: "Save" })).toBeNull();
  await userEvent.click(within(drawer).getByRole("button", { name: "Make a test call" }));
  await within(drawer).findByText("It failed at: unauthorized");
  within(drawer).getByText("Replace the key.");
  expect(asked.find((r) => r.method === "POST")?.url).toContain("/models/test?model=mock-large");
});

test("each provider shows its last test, as the trail has it; a new test is shown at once", async () => {
  const tested = (seq: number, name: string, change: object) => ({ seq, hash: "", prev_hash: "", record: { time: "2026-11-03T10:00:00Z", resource: `provider/${name}`, change } });
  let records = [tested(3, "own", { ok: false, failed: "tls" }), tested(2, "own", { ok: true, failed: "" }), tested(1, "other", { ok: true, failed: "" })];
  const { asked } = await renderPage(<Models />, {
    at: `${at}?tab=providers`, session: sessionOf({ actions: ["providers.test", "audit.list"] }),
    answers: {
      ...answers,
      "GET /api/v1/providers": [provider, { ...provider, name: "other" }, { ...provider, name: "new" }],
      "GET /api/v1/audit/records": () => ({ names: {}, records }),
      "POST /api/v1/providers/own/test": { ok: true, message: "It answers.", ms: 3, models: [] },
    },
  });
  const row = (name: string) => screen.findByRole("row", { name: new RegExp(`^${name}`) });
  await within(await row("own")).findByText("Failed: tls");
  within(await row("other")).getByText("Answers");
  within(await row("new")).getByText("Not tested");
  expect(asked.find((r) => r.url.includes("/audit/records"))?.url).toContain("action=providers.test");
  records = [tested(4, "own", { ok: true, failed: "" })];
  await userEvent.click(within(await row("own")).getByText("own"));
  await userEvent.click(await screen.findByRole("button", { name: "Test" }));
  await screen.findByText("It answers.");
  await waitFor(() => expect(screen.queryByText("Failed: tls")).toBeNull());
});

test("a trail that does not answer, or may not be read, is no test that was not made", async () => {
  for (const actions of [["audit.list"], []]) {
    const { unmount } = await renderPage(<Models />, {
      at: `${at}?tab=providers`, session: sessionOf({ actions }), answers: { ...answers, "GET /api/v1/audit/records": refusal(500, "broken") },
    });
    await screen.findByRole("row", { name: /^own/ });
    expect(screen.queryByText("Not tested")).toBeNull();
    unmount();
  }
});

test("a key that is not typed is not sent, and one that is set is never shown", async () => {
  const sent: unknown[] = [];
  await renderPage(<Models />, {
    at: `${at}?tab=providers&provider=own`, session,
    answers: { ...answers, "POST /api/v1/providers": async (r: Request) => { sent.push(await r.json()); return undefined; } },
  });
  const drawer = await screen.findByRole("dialog");
  const key = await within(drawer).findByLabelText<HTMLInputElement>(/API key/);
  expect(key.value).toBe("");
  await userEvent.click(within(drawer).getByRole("button", { name: "Save" }));
  await waitFor(() => expect(sent).toEqual([{ name: "own", type: "openai", base_url: "https://llm.example.com" }]));
});
