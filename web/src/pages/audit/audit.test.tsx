import { configure, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { refusal, renderPage, silence } from "@/test/render";
import Audit from ".";
import { checkProof, type Proof } from "./proof";
import { type AuditRecord, modelText } from "./records";

// A busy machine may take long to draw a page.
configure({ asyncUtilTimeout: 15_000 });

const record = (seq: number, more: object = {}) => ({
  seq, prev_hash: "", hash: "", record: { org_seq: seq, event_id: `e-${seq}`, phase: "event", time: "2026-03-01T12:00:00Z", actor: { type: "user", user_id: "u-1" }, action: "groups.create", outcome: "success", status: 200, ...more },
});
const page = (records: object[], more: object = {}) => ({ records, names: { "user/u-1": { name: "Ann", detail: "ann@acme.test" } }, ...more });
const histogram = { since: "2026-03-01T00:00:00Z", until: "2026-03-02T00:00:00Z", bars: [0, 2], total: 2, estimated: false };

const answers = (more: object = {}) => ({
  "GET /api/v1/audit/records": page([record(2), record(1, { action: "login" })]),
  "GET /api/v1/audit/records/histogram": histogram,
  "GET /api/v1/audit/records/live": silence,
  "GET /api/v1/audit/verifications": [],
  "GET /api/v1/audit/searches": [],
  ...more,
});
const show = (more: object = {}, at = "/admin/audit") => renderPage(<Audit />, { answers: answers(more), at });

test("records are listed with the names of who did it", async () => {
  await show();
  const grid = await screen.findByRole("grid", { name: "Audit trail" });
  expect(await within(grid).findByText("groups.create")).toBeTruthy();
  expect(within(grid).getAllByText("Ann").length).toBe(2);
  expect(screen.getByRole("button", { name: /^2 records, / })).toBeTruthy();
});

test("bars that are shorter than a minute are named with seconds", async () => {
  await show({ "GET /api/v1/audit/records/histogram": { ...histogram, until: "2026-03-01T00:01:00Z" } });
  expect(await screen.findByRole("button", { name: /^2 records, .*:00:30.* to .*:01:00/ })).toBeTruthy();
});

test("while it loads there is a skeleton", async () => {
  await show({ "GET /api/v1/audit/records": silence });
  expect(await screen.findByRole("status", { name: "Loading" })).toBeTruthy();
});

test("an empty trail says what goes there, an empty search which filters hold", async () => {
  const first = await show({ "GET /api/v1/audit/records": page([]) });
  await screen.findByRole("heading", { name: "Nothing has happened yet" });
  first.unmount();
  const { asked, router } = await show({ "GET /api/v1/audit/records": page([]) }, "/admin/audit?actor=u-1&phase=refusal");
  await screen.findByRole("heading", { name: "Nothing matches" });
  expect(asked.some((r) => r.url.includes("/audit/records?phase=refusal&actor=u-1"))).toBe(true);
  await userEvent.click(screen.getByRole("button", { name: "Clear filters" }));
  await waitFor(() => expect(router.state.location.search).toEqual({}));
});

test("a filter of the address is a chip before any record has come, and goes with a press", async () => {
  const { router } = await show({ "GET /api/v1/audit/records": silence }, "/admin/audit?phase=refusal");
  await userEvent.click(await screen.findByRole("button", { name: "Remove the filter Phase: refusal" }));
  await waitFor(() => expect(router.state.location.search).toEqual({}));
});

test("a person is looked for by the e-mail address, which the trail does not have", async () => {
  const { asked, router } = await show();
  await screen.findByText("groups.create");
  await userEvent.click(screen.getByRole("button", { name: "Filter" }));
  await userEvent.type(screen.getByLabelText("User"), "ANN@acme.test");
  await userEvent.click(screen.getByRole("button", { name: "Search" }));
  await waitFor(() => expect(router.state.location.search).toEqual({ actor: "u-1" }));
  await waitFor(() => expect(asked.some((r) => r.url.includes("/audit/records?actor=u-1"))).toBe(true));
  await screen.findByRole("button", { name: "Remove the filter User: Ann" });
  await userEvent.click(screen.getByRole("button", { name: "Filter" }));
  expect(screen.getByLabelText<HTMLInputElement>("User").value).toBe("ann@acme.test");
});

test("an error is in place, with its request and a way to try again", async () => {
  await show({ "GET /api/v1/audit/records": refusal(503, "the trail cannot be read") });
  const alert = await screen.findByRole("alert");
  expect(alert.textContent).toContain("the trail cannot be read");
  expect(within(alert).getByText("req_test")).toBeTruthy();
  expect(within(alert).getByRole("button", { name: "Try again" })).toBeTruthy();
});

test("records of another search do not stand where this one failed", async () => {
  const { router } = await show({
    "GET /api/v1/audit/records": (r: Request) => (r.url.includes("phase=") ? refusal(503, "the trail cannot be read") : page([record(2)])),
  });
  await screen.findByText("groups.create");
  await router.navigate({ to: ".", search: { phase: "refusal" } } as never);
  await screen.findByText("the trail cannot be read");
  expect(screen.queryByText("groups.create")).toBeNull();
});

test("who may not see it is told", async () => {
  await show({ "GET /api/v1/audit/records": refusal(403, "this needs the role administrator") });
  await screen.findByRole("heading", { name: "You may not see this" });
  expect(screen.queryByRole("button", { name: "Verify" })).toBeNull();
});

test("a search that stopped early says so and is gone on with", async () => {
  await show({
    "GET /api/v1/audit/records": (r: Request) => (new URL(r.url).searchParams.has("before") ? page([record(3)]) : page([record(9)], { searched: 5, before: 5 })),
  }, "/admin/audit?address=192.0.2.7");
  await screen.findByText("The search has looked back to record 5.");
  await userEvent.click(screen.getByRole("button", { name: "Search on" }));
  await waitFor(() => expect(screen.queryByText(/looked back/)).toBeNull());
  expect(screen.getByText("3")).toBeTruthy();
});

test("a verification is told to its end also where no stream tells of it, as when nothing matches", async () => {
  const running = { id: "v", state: "running", created_at: "2026-03-01T12:00:00Z", records: 0, head: 9 };
  const done = { ...running, state: "done", ended_at: "2026-03-01T12:00:01Z", records: 9, verdict: { ok: true, last_seq: 9 } };
  let read = 0;
  await show({
    "GET /api/v1/audit/records": page([]),
    "GET /api/v1/audit/verifications": () => [[], [running], [done]][Math.min(read++, 2)],
    "POST /api/v1/audit/verifications": running,
  });
  await userEvent.click(await screen.findByRole("button", { name: "Verify" }));
  await screen.findByText("Verified up to record 9");
});

test("a verification that the stream began to tell of is told to its end where the next search has none", async () => {
  const running = { id: "v", state: "running", created_at: "2026-03-01T12:00:00Z", records: 5, head: 9 };
  const done = { ...running, state: "done", ended_at: "2026-03-01T12:00:01Z", records: 9, verdict: { ok: true, last_seq: 9 } };
  let read = 0;
  let tell = (_: unknown) => {};
  const { router } = await show({
    "GET /api/v1/audit/records": (r: Request) => page(r.url.includes("phase=") ? [] : [record(2)]),
    "GET /api/v1/audit/records/live": new Promise((resolve) => (tell = resolve)),
    "GET /api/v1/audit/verifications": () => (read++ === 0 ? [] : [done]),
    "POST /api/v1/audit/verifications": { ...running, records: 0 },
  });
  await userEvent.click(await screen.findByRole("button", { name: "Verify" }));
  tell(new Response(`event: new\ndata: {"count":12,"head":14}\n\nevent: verification\ndata: ${JSON.stringify(running)}\n\n`));
  await screen.findByRole("button", { name: /^12 new/ });
  await router.navigate({ to: ".", search: { phase: "refusal" } } as never);
  await screen.findByText("Verified up to record 9");
  expect(screen.queryByRole("button", { name: /^12 new/ })).toBeNull();
});

test("what is new waits behind a button, and verification is told as it goes on", async () => {
  const told = 'event: new\ndata: {"count":12,"head":14}\n\nevent: verification\ndata: {"id":"v","state":"running","created_at":"2026-03-01T12:00:00Z","records":500,"head":1000}\n\n';
  await show({ "GET /api/v1/audit/records/live": () => new Response(told) });
  await screen.findByRole("button", { name: "12 new" });
  expect(screen.getByText("500 of 1,000 records")).toBeTruthy();
  expect(screen.getByRole("button", { name: "Verify" }).getAttribute("aria-busy")).toBe("true");
});

test("a bad trail is told", async () => {
  await show({ "GET /api/v1/audit/verifications": [{ id: "v", state: "done", created_at: "2026-03-01T12:00:00Z", ended_at: "2026-03-01T12:00:01Z", records: 6, head: 9, verdict: { ok: false, bad_seq: 7, why: "hash: x", last_seq: 6 } }] });
  await screen.findByText("Bad at record 7: hash: x");
});

test("a record of a run leads to where the run began and ended, though nothing else belongs to it", async () => {
  const one = { ...record(2, { run_id: "r-1" }), intact: true, bytes: "", names: {}, linked: [] };
  await show({ "GET /api/v1/audit/records/2": one }, "/admin/audit?record=2");
  const link = await screen.findByRole("link", { name: "Start and end of its agent run" });
  expect(decodeURIComponent(link.getAttribute("href") ?? "")).toContain("resource=run/r-1");
  expect(screen.queryByText("No other record belongs to this one.")).toBeNull();
});

test("a record tells its model: asked for, used, or both where they differ", () => {
  const of = (more: Partial<AuditRecord>) => modelText(more as AuditRecord);
  expect(of({ model_requested: "large" })).toBe("large");
  expect(of({ model_requested: "large", model_used: "large", provider: "mock" })).toBe("large, mock");
  expect(of({ model_requested: "large", model_used: "large-2", provider: "mock" })).toBe("large-2, mock (asked for: large)");
  expect(of({})).toBe("");
});

/** A proof of the second of three records, as RFC 6962 has it. */
function proofOf(bytes: Buffer): Proof {
  const sha = (...parts: Buffer[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
  const leaf = (hash: Buffer) => sha(Buffer.of(0), hash);
  const node = (a: Buffer, b: Buffer) => sha(Buffer.of(1), a, b);
  const prev = sha(Buffer.from("first"));
  const hash = sha(prev, bytes);
  const [a, b, c] = [leaf(prev), leaf(hash), leaf(sha(Buffer.from("third")))] as [Buffer, Buffer, Buffer];
  const root = node(node(a, b), c);
  return {
    seq: 2, prev_hash: prev.toString("hex"), hash: hash.toString("hex"), record: {}, key: "",
    path: [a.toString("base64"), c.toString("base64")], checkpoint: `sallyport/o\n3\n${root.toString("base64")}\n\n— x y\n`,
  } as Proof;
}

test("a proof is computed in the browser, and one bit breaks it", async () => {
  const bytes = Buffer.from('{"a":1}');
  const proof = proofOf(bytes);
  expect(await checkProof(proof, bytes)).toBe(true);
  expect(await checkProof(proof, Buffer.from('{"a":2}'))).toBe(false);
  expect(await checkProof({ ...proof, path: [...proof.path!].reverse() }, bytes)).toBe(false);
  expect(await checkProof({ ...proof, seq: 1 }, bytes)).toBe(false);
  expect(await checkProof({ ...proof, path: proof.path!.slice(1) }, bytes)).toBe(false);
});
