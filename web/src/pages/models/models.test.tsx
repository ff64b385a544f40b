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

test("a model is renamed, gets a name more, and loses one", async () => {
  const named = { ...model, name: "acme/best", aliases: ["best"], former_names: ["old"], abilities: ["tools", "images"], facts_at: "2026-08-19", facts_source: "https://list.example/models.json" };
  const sent: string[] = [];
  const note = async (r: Request) => { sent.push(`${r.method} ${new URL(r.url).search} ${await r.text()}`); return undefined; };
  await renderPage(<Models />, {
    at: `${at}?model=mock-large`, session: sessionOf({ actions: ["models.rename"] }),
    answers: { ...answers, "GET /api/v1/models": [named], "PUT /api/v1/models/name": note, "POST /api/v1/models/aliases": note, "DELETE /api/v1/models/aliases": note },
  });
  const drawer = await screen.findByRole("dialog");
  await within(drawer).findByText("Tools, Pictures");
  within(drawer).getByRole("link", { name: "list.example" });
  const listed = within(drawer).getByLabelText<HTMLInputElement>("Listed as");
  expect(listed.value).toBe("acme/best");
  await userEvent.clear(listed);
  await userEvent.type(listed, "acme/new");
  await userEvent.click(within(drawer).getByRole("button", { name: "Rename" }));
  await userEvent.type(within(drawer).getByLabelText("One more name"), "short");
  await userEvent.click(within(drawer).getByRole("button", { name: "Add name" }));
  await userEvent.click(within(drawer).getByRole("button", { name: "Delete the name old" }));
  await waitFor(() => expect(sent).toEqual([
    'PUT ?model=mock-large {"name":"acme/new"}', 'POST ?model=mock-large {"name":"short"}', "DELETE ?model=mock-large&name=old ",
  ]));
});

test("a price that nobody knows is not 0, and must be typed", async () => {
  const found = { ...model, managed_by: "organisation", price: { input: "0", output: "0", unknown: true, version: "unknown" }, vanished: true };
  await renderPage(<Models />, { at: `${at}?model=mock-large`, session, answers: { ...answers, "GET /api/v1/models": [found] } });
  const drawer = await screen.findByRole("dialog");
  expect((await within(drawer).findAllByText("not known")).length).toBeGreaterThan(0);
  within(drawer).getByText("No price");
  within(drawer).getByText("Not listed any more");
  expect((await within(drawer).findByLabelText<HTMLInputElement>("Input")).value).toBe("");
});

test("a provider is asked what it offers; what is new is added with one press", async () => {
  const sent: unknown[] = [];
  const offers = {
    listed_at: null, asked_at: null, partial: false, addable: true, vanished: [{ model: "gone", target: "gone-1" }],
    models: [
      { target: "big", type: "chat", abilities: [], models: ["mock-large"], price_known: true },
      { target: "new-one", type: "chat", abilities: [], models: [], price_known: false }, { target: "paint", type: "other", abilities: [], models: [], price_known: false },
    ],
  };
  let listed: object = { ...offers, models: [], vanished: [] };
  await renderPage(<Models />, {
    at: `${at}?tab=providers&provider=own`, session: sessionOf({ actions: ["providers.offers", "providers.refresh", "models.add"] }),
    answers: {
      ...answers,
      "GET /api/v1/providers/own/models": () => listed,
      "POST /api/v1/providers/own/models/refresh": () => (listed = offers),
      "POST /api/v1/providers/own/models": async (r: Request) => { sent.push(await r.json()); return undefined; },
    },
  });
  const drawer = await screen.findByRole("dialog");
  await userEvent.click(await within(drawer).findByRole("button", { name: "Ask again" }));
  await within(drawer).findByText("gone (gone-1)");
  within(drawer).getByText("In the catalogue");
  within(drawer).getByText("No price");
  expect(within(drawer).queryByRole("button", { name: "Add paint" })).toBeNull();
  expect(within(drawer).queryByRole("button", { name: "Add big" })).toBeNull();
  await userEvent.click(within(drawer).getByRole("button", { name: "Add new-one" }));
  await waitFor(() => expect(sent).toEqual([{ target: "new-one" }]));
});

test("a model group is made of models, and keeps one that has gone until it is taken out", async () => {
  const sent: string[] = [];
  const { unmount } = await renderPage(<Models />, {
    at: `${at}?tab=groups&group=safe`, session: sessionOf({ actions: ["model_groups.save", "model_groups.delete"] }),
    answers: {
      ...answers,
      "GET /api/v1/model-groups": [{ name: "safe", description: "", models: ["gone", "off"] }],
      "PUT /api/v1/model-groups/safe": async (r: Request) => { sent.push(await r.text()); return undefined; },
    },
  });
  const drawer = await screen.findByRole("dialog");
  await userEvent.click(await within(drawer).findByRole("checkbox", { name: "mock-large" }));
  expect(within(drawer).getByRole<HTMLInputElement>("checkbox", { name: "gone" }).checked).toBe(true);
  await userEvent.click(within(drawer).getByRole("button", { name: "Save" }));
  await waitFor(() => expect(sent).toEqual(['{"description":"","models":["gone","mock-large","off"]}']));
  unmount();
  await renderPage(<Models />, { at: `${at}?tab=groups`, session, answers: { ...answers, "GET /api/v1/model-groups": [] } });
  await screen.findByText("No model group yet");
});

test("a model of the organisation gets a route and a stand-in", async () => {
  const sent: Record<string, unknown>[] = [];
  const own = { ...model, managed_by: "organisation", provider: "own", routes: [{ provider: "own", target: "old", weight: 1, price: { input: "1", output: "2" } }] };
  await renderPage(<Models />, {
    at: `${at}?model=mock-large`, session,
    answers: { ...answers, "GET /api/v1/models": [own], "POST /api/v1/models": async (r: Request) => { sent.push(await r.json()); return undefined; } },
  });
  const drawer = await screen.findByRole("dialog");
  await userEvent.click(await within(drawer).findByRole("button", { name: "Add route" }));
  const route = within(drawer).getByRole("group", { name: "Route 2" });
  await userEvent.type(within(route).getByLabelText(/name for it/), "big-2");
  await userEvent.type(within(route).getByLabelText(/Price of input/), "3");
  await userEvent.type(within(route).getByLabelText(/Price of output/), "4");
  await userEvent.type(within(drawer).getByLabelText(/Stand-ins/), "off, ");
  await userEvent.type(within(drawer).getByLabelText(/Tries once more/), "2");
  await userEvent.click(within(drawer).getByRole("checkbox", { name: /chooses anew/ }));
  await userEvent.click(within(drawer).getByRole("button", { name: "Save" }));
  await waitFor(() => expect(sent).toHaveLength(1));
  expect(sent[0]).toMatchObject({
    weight: 0, loose: true, retries: 2, fallbacks: ["off"],
    routes: [{ provider: "own", target: "old", weight: 1 }, { provider: "own", target: "big-2", weight: 0, price: { input: "3", output: "4" } }],
  });
  expect((sent[0]?.routes as object[])[0]).not.toHaveProperty("price"); // the model's, also when that changes
});

test("a model keeps its providers when it is saved, however late the list of them comes", async () => {
  const sent: Record<string, unknown>[] = [];
  const own = { ...model, managed_by: "organisation", provider: "second", routes: [{ provider: "third", target: "old", weight: 1 }] };
  let come = (_: unknown) => {};
  await renderPage(<Models />, {
    at: `${at}?model=mock-large`, session,
    answers: {
      ...answers,
      "GET /api/v1/models": [own],
      "GET /api/v1/providers": new Promise((resolve) => (come = resolve)),
      "POST /api/v1/models": async (r: Request) => { sent.push(await r.json()); return undefined; },
    },
  });
  const drawer = await screen.findByRole("dialog");
  await within(drawer).findByText("mock-large", { selector: "code" });
  expect(within(drawer).queryByRole("button", { name: "Save" })).toBeNull(); // it would be saved without a provider
  come([provider, { ...provider, name: "second" }, { ...provider, name: "third" }]);
  await userEvent.click(await within(drawer).findByRole("button", { name: "Save" }));
  await waitFor(() => expect(sent).toHaveLength(1));
  expect(sent[0]).toMatchObject({ provider: "second", routes: [{ provider: "third", target: "old", weight: 1 }] });
});

test("a provider shows how its targets fared, and which are passed over", async () => {
  const health = { node: "node-1", targets: [
    { provider: "own", target: "big", models: ["mock-large"], state: "open", tries: 20, failures: 5, median_ms: 120, slow_ms: 900, last_error: "upstream_error", status: 503, failed_at: "2026-11-03T10:00:00Z", tried_at: null },
    { provider: "own", target: "unused", models: ["off"], state: "closed", tries: 0, failures: 0, failed_at: null, tried_at: null },
    { provider: "other", target: "x", models: ["y"], state: "closed", tries: 9, failures: 0, failed_at: null, tried_at: null },
  ] };
  await renderPage(<Models />, {
    at: `${at}?tab=providers&provider=own`, session: sessionOf({ actions: ["providers.health"] }), answers: { ...answers, "GET /api/v1/providers/health": health },
  });
  const targets = await screen.findByRole("region", { name: "Targets in recent calls" });
  within(targets).getByText("15 of 20 answered");
  within(targets).getByText("Passed over");
  within(targets).getByText("Not called");
  within(targets).getByText(/upstream_error 503/);
  expect(within(targets).queryByText("x")).toBeNull();
  expect(await screen.findAllByText("1 target passed over")).toHaveLength(1);
});
