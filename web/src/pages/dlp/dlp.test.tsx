import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import { refusal, renderPage, sessionOf, silence } from "@/test/render";
import DLP from ".";
import { pieces, withRule } from "./data";

const policy = { mode: "enforce", in: { contact: "redact" }, out: {}, allow: null, trusted_tools: null, unreadable: "block" };
const sample = { name: "an address", text: "a@b.test", expect: "hide" };
const draft = { policy, samples: [sample], base: 3, revision: 5, saved: true };
const trial = {
  mode: "enforce", version: "v", ms: 1, sent: "write to [EMAIL]", returned: "write to [EMAIL]",
  hits: [{ start: 9, end: 17, type: "EMAIL_ADDRESS", category: "contact", action: "redact" }],
};
const answers = {
  "GET /api/v1/dlp/draft": draft,
  "GET /api/v1/dlp/policies": [{ model: "", number: 3, mode: "enforce", draft: true }],
  "GET /api/v1/dlp/types": [{ name: "EMAIL_ADDRESS", category: "contact" }],
  "GET /api/v1/dlp/versions": { versions: [{ number: 3, at: "2026-11-01T00:00:00Z", by: "Ann", note: "first", policy, version: "v" }] },
  "GET /api/v1/groups": [],
  "GET /api/v1/models": [],
  "POST /api/v1/dlp/test": trial,
};
const session = sessionOf({ actions: ["dlp.save_draft", "dlp.drop_draft", "dlp.publish", "dlp.restore"] });
const show = (more: object = {}, address = "", who = session) =>
  renderPage(<DLP />, { at: `/admin/dlp${address}`, session: who, answers: { ...answers, ...more } });

describe("the policy", () => {
  test.each<[string, unknown, string | RegExp]>([
    ["an error", refusal(500, "broken"), "broken"],
    ["no right", refusal(403, "not yours"), /not yours/],
  ])("%s", async (_, answer, text) => {
    await show({ "GET /api/v1/dlp/draft": answer });
    await screen.findByText(text);
  });

  test("loading", async () => {
    await show({ "GET /api/v1/dlp/draft": silence });
    await screen.findByRole("status", { name: "Loading" });
  });

  test("who may not change it can look and try", async () => {
    await show({}, "", sessionOf());
    expect((await screen.findByLabelText<HTMLSelectElement>("Mode")).matches(":disabled")).toBe(true);
    for (const name of ["Save draft", "Throw draft away", "Publish"]) expect(screen.queryByRole("button", { name })).toBeNull();
    expect(screen.getByLabelText("Text")).toBeTruthy();
  });

  test("is saved without empty lines, at the revision that was read, and a refusal keeps what was typed", async () => {
    const { asked } = await show({ "PUT /api/v1/dlp/draft": refusal(409, "somebody else saved it") });
    const allowed = await screen.findByLabelText<HTMLTextAreaElement>("Values that are let through");
    await userEvent.type(allowed, "info@acme.test{Enter}{Enter} sales@acme.test");
    await userEvent.click(screen.getByRole("button", { name: "Save draft" }));
    await screen.findByText("somebody else saved it");
    expect(allowed.value).toContain("info@acme.test");
    const body = await asked.find((r) => r.method === "PUT")!.json();
    expect(body).toMatchObject({ revision: 5, samples: [sample], policy: { allow: ["info@acme.test", "sales@acme.test"], trusted_tools: [] } });
  });

  test("takes no changes while it is being saved: they would be gone with what was read before", async () => {
    let come = (_: unknown) => {};
    let now = draft;
    await show({ "GET /api/v1/dlp/draft": () => now, "PUT /api/v1/dlp/draft": new Promise((resolve) => (come = resolve)) });
    const allowed = () => screen.findByLabelText<HTMLTextAreaElement>("Values that are let through");
    await userEvent.type(await allowed(), "info@acme.test");
    await userEvent.click(screen.getByRole("button", { name: "Save draft" }));
    await userEvent.type(await allowed(), "{Enter}sales@acme.test");
    expect((await allowed()).value).toBe("info@acme.test");
    now = { ...draft, revision: 6, policy: { ...policy, allow: ["info@acme.test"] as never } };
    come(now);
    await waitFor(async () => expect((await allowed()).matches(":disabled")).toBe(false));
    await userEvent.type(await allowed(), "{Enter}sales@acme.test");
    expect((await allowed()).value).toBe("info@acme.test\nsales@acme.test");
  });

  test("the note and the text that is tried stay when it is saved", async () => {
    let now = draft;
    await show({
      "GET /api/v1/dlp/draft": () => now,
      "PUT /api/v1/dlp/draft": () => (now = { ...draft, revision: 6, policy: { ...policy, mode: "observe" } }),
      "POST /api/v1/dlp/publish": { ok: true, number: 4 },
    });
    await userEvent.selectOptions(await screen.findByLabelText("Mode"), "observe");
    await userEvent.type(screen.getByLabelText("Text"), "write to a@b.test");
    await userEvent.type(screen.getByLabelText("Note on the change"), "watch first");
    await userEvent.click(screen.getByRole("button", { name: "Save draft" }));
    await waitFor(() => expect(screen.getByRole<HTMLButtonElement>("button", { name: "Publish" }).disabled).toBe(false));
    expect(screen.getByLabelText<HTMLInputElement>("Note on the change").value).toBe("watch first");
    expect(screen.getByLabelText<HTMLTextAreaElement>("Text").value).toBe("write to a@b.test");
    now = { ...now, base: 4, saved: false };
    await userEvent.click(screen.getByRole("button", { name: "Publish" }));
    await screen.findByText("Published as version 4");
    expect(screen.getByLabelText<HTMLInputElement>("Note on the change").value).toBe("");
  });

  test("the note is of the policy that it was written beside", async () => {
    await show({ "GET /api/v1/models": [{ id: "m", display_name: "M" }], "GET /api/v1/dlp/draft?model=m": draft });
    const note = () => screen.findByLabelText<HTMLInputElement>("Note on the change");
    const choose = async (policy: string) => userEvent.selectOptions(await screen.findByLabelText("Policy of"), policy);
    await userEvent.type(await note(), "watch first");
    await screen.findByRole("option", { name: "M" });
    await choose("m");
    await waitFor(async () => expect((await note()).value).toBe(""));
    await choose("");
    await waitFor(async () => expect((await note()).value).toBe("watch first"));
  });

  test("is not published when a sample comes out otherwise, and says which", async () => {
    await show({ "POST /api/v1/dlp/publish": { ok: false, samples: [{ name: "an address", ok: false, expect: "hide", got: "pass" }] } });
    await userEvent.click(await screen.findByRole("button", { name: "Publish" }));
    const alert = await screen.findByRole("alert");
    expect(alert.textContent).toContain("an address: expected “is hidden in part”, got “goes out as it is”");
  });
});

describe("what is not saved", () => {
  const asks = () => screen.findByRole("dialog", { name: "Leave without saving?" });
  const stay = async () => {
    await userEvent.click(screen.getByRole("button", { name: "Stay here" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  };
  const change = async () => {
    const allowed = await screen.findByLabelText<HTMLTextAreaElement>("Values that are let through");
    await userEvent.type(allowed, "info@acme.test");
    return allowed;
  };
  const history = () => userEvent.click(screen.getByRole("button", { name: "History" }));

  test("is asked for before another view or another model takes it away", async () => {
    const { router } = await show({ "GET /api/v1/models": [{ id: "big", display_name: "Big" }] });
    const allowed = await change();
    await history();
    await asks();
    await stay();
    await userEvent.selectOptions(screen.getByLabelText("Policy of"), "Big");
    await asks();
    await stay();
    expect(router.state.location.search).toEqual({});
    expect(allowed.value).toBe("info@acme.test");
    await history();
    await asks();
    await userEvent.click(screen.getByRole("button", { name: "Leave without saving" }));
    await waitFor(() => expect(router.state.location.search).toEqual({ tab: "history" }));
  });

  test("is asked for when it was refused, and not when nothing was changed, when it was saved or when it cannot be saved", async () => {
    const refused = await show({ "PUT /api/v1/dlp/draft": refusal(409, "somebody else saved it") });
    await change();
    await userEvent.click(screen.getByRole("button", { name: "Save draft" }));
    await screen.findByText("somebody else saved it");
    await history();
    await asks();
    refused.unmount();

    const untouched = await show();
    await screen.findByLabelText("Values that are let through");
    await history();
    await waitFor(() => expect(untouched.router.state.location.search).toEqual({ tab: "history" }));
    untouched.unmount();

    const saved = await show({ "PUT /api/v1/dlp/draft": draft });
    await change();
    await userEvent.click(screen.getByRole("button", { name: "Save draft" }));
    await history();
    await waitFor(() => expect(saved.router.state.location.search).toEqual({ tab: "history" }));
    saved.unmount();

    const looking = await show({}, "", sessionOf());
    await userEvent.click(await screen.findByRole("button", { name: "Remove the sample an address" }));
    await history();
    await waitFor(() => expect(looking.router.state.location.search).toEqual({ tab: "history" }));
  });
});

describe("the tester", () => {
  test("marks what is found in place, and shows what the model would receive", async () => {
    const { asked } = await show();
    await userEvent.type(await screen.findByLabelText("Text"), "write to a@b.test");
    await screen.findByText("1 value is found");
    expect((await within(screen.getByRole("region", { name: "Found in the text" })).findByText(/a@b\.test/)).tagName).toBe("MARK");
    expect(screen.getByRole("region", { name: "What the model would receive" }).textContent).toContain("[EMAIL]");
    expect(await asked.findLast((r) => r.url.endsWith("/dlp/test"))!.json()).toMatchObject({ text: "write to a@b.test", policy: { mode: "enforce" } });
  });

  test("says why a text could not be tried", async () => {
    await show({ "POST /api/v1/dlp/test": refusal(422, "the pattern is too slow") });
    await userEvent.type(await screen.findByLabelText("Text"), "x");
    await screen.findByText("the pattern is too slow");
  });

  test("makes a sample of the text", async () => {
    await show();
    await userEvent.type(await screen.findByLabelText("Text"), "plain");
    await userEvent.type(await screen.findByLabelText("Name of the sample"), "harmless");
    await userEvent.click(screen.getByRole("button", { name: "Keep the text as a sample" }));
    await screen.findByRole("button", { name: "Remove the sample harmless" });
  });
});

describe("the history", () => {
  const path = "GET /api/v1/dlp/versions";

  test.each<[string, unknown, string | RegExp]>([
    ["an error", refusal(500, "broken"), "broken"],
    ["no right", refusal(403, "not yours"), /not yours/],
    ["nothing", { versions: [] }, "Nothing was published yet"],
  ])("%s", async (_, answer, text) => {
    await show({ [path]: answer }, "?tab=history");
    await screen.findByText(text);
  });

  test("loading", async () => {
    await show({ [path]: silence }, "?tab=history");
    await screen.findByRole("status", { name: "Loading" });
  });

  test("a version is put in force again after a question", async () => {
    const { asked } = await show({ "POST /api/v1/dlp/restore": { ok: true, number: 4, samples: [] } }, "?tab=history");
    await userEvent.click(await screen.findByRole("button", { name: "Actions for this row" }));
    await userEvent.click(await screen.findByRole("menuitem", { name: "Put in force again" }));
    const dialog = await screen.findByRole("dialog", { name: "Put version 3 in force again?" });
    await userEvent.click(within(dialog).getByRole("button", { name: "Put in force again" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(await asked.find((r) => r.method === "POST")!.json()).toEqual({ number: 3 });
  });
});

test("places are bytes, texts are characters", () => {
  const hit = (start: number, end: number) => ({ start, end, type: "T", category: "c", action: "redact" });
  expect(pieces("é a@b 👍", [hit(3, 6)]).map((p) => [p.text, !!p.hit])).toEqual([["é ", false], ["a@b", true], [" 👍", false]]);
  expect(pieces("short", [hit(0, 99)])).toEqual([{ text: "short" }]);
  expect(withRule({ a: "keep" }, "b", "block")).toEqual({ a: "keep", b: "block" });
  expect(withRule({ a: "keep" }, "a", "")).toEqual({});
});
