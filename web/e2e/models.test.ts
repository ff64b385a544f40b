import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectAccessible, shot, useHouse, visit } from "./harness";

// A provider of the organisation's own is asked what it offers; a model of it is added,
// priced, renamed, put into a group, and called by its new name.

const house = useHouse({ config: { private_networks: ["127.0.0.0/8"] } });

let provider: Server | undefined;
let offers = ["local-large", "local-small"];

beforeAll(async () => {
  const server = createServer((request, response) => {
    response.setHeader("Content-Type", "application/json");
    if (request.method === "GET") return response.end(JSON.stringify({ data: offers.map((id) => ({ id, context_window: 32_000 })) }));
    request.resume();
    return response.end(JSON.stringify({
      id: "c", object: "chat.completion", choices: [{ index: 0, message: { role: "assistant", content: "Hi." }, finish_reason: "stop" }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  provider = server;
});
afterAll(() => provider?.close());

async function call(model: string): Promise<number> {
  const answer = await fetch(`${house().server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { Authorization: `Bearer ${house().server.apiKey}`, "Content-Type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] }),
  });
  await answer.text();
  return answer.status;
}

test("what a provider offers becomes a model, which is priced, renamed, grouped, routed and called", async () => {
  const { url } = house().server;
  const page = await house().page({ at: "/admin/models?tab=providers&add=1" });
  const adding = page.getByRole("dialog", { name: "Add provider" });
  await adding.getByLabel("Name").fill("local");
  await adding.getByLabel("Address").fill(`http://127.0.0.1:${(provider?.address() as AddressInfo).port}/v1`);
  await adding.getByLabel("API key").fill("secret");
  await adding.getByRole("button", { name: "Save" }).click();
  await adding.waitFor({ state: "detached" });

  await page.goto(`${url}/admin/models?tab=providers&provider=local`);
  const local = page.getByRole("dialog", { name: "local" });
  await local.getByRole("button", { name: "Ask again" }).click();
  await local.getByRole("button", { name: "Add local-large" }).click();
  await local.getByText("In the catalogue").waitFor();
  await expectAccessible(page);
  await shot(page, "provider-offers");
  expect(await call("local-large")).toBe(403); // nobody has said what it costs

  await page.goto(`${url}/admin/models?model=local-large`);
  const model = page.getByRole("dialog", { name: "local-large" });
  await model.getByText("No price").waitFor();
  await model.getByLabel("Input", { exact: true }).fill("1");
  await model.getByLabel("Output", { exact: true }).fill("2");
  await model.getByRole("button", { name: "Add route" }).click();
  await model.getByRole("group", { name: "Route 1" }).getByLabel(/name for it/).fill("local-small");
  await expectAccessible(page);
  await shot(page, "model-routes");
  await model.getByRole("button", { name: "Save" }).click();
  await model.waitFor({ state: "detached" });
  expect(await call("local-large")).toBe(200);

  await page.goto(`${url}/admin/models?model=local-large`);
  await model.getByLabel("Listed as").fill("acme/best");
  await model.getByRole("button", { name: "Rename" }).click();
  await model.getByLabel("One more name").fill("best");
  await model.getByRole("button", { name: "Add name" }).click();
  await model.getByRole("list", { name: "More names" }).getByText("best", { exact: true }).waitFor();
  for (const name of ["acme/best", "best", "local-large"]) expect(await call(name), name).toBe(200);

  await page.goto(`${url}/admin/models?tab=groups&add=1`);
  const group = page.getByRole("dialog", { name: "Add model group" });
  await group.getByLabel("Model group").fill("house");
  await group.getByRole("checkbox", { name: "local-large" }).check();
  await expectAccessible(page);
  await group.getByRole("button", { name: "Save" }).click();
  await group.waitFor({ state: "detached" });
  await visit(page, `${url}/admin/groups?view=organisation`);
  await page.getByLabel("Model groups: house").selectOption("off");
  await expect.poll(() => call("best")).toBe(403);
  await page.getByLabel("Model groups: house").selectOption("");
  await expect.poll(() => call("best")).toBe(200);

  offers = ["local-small"];
  await page.goto(`${url}/admin/models?tab=providers&provider=local`);
  await local.getByRole("region", { name: "Targets in recent calls" }).getByText(/of \d+ answered/).first().waitFor();
  await local.getByRole("button", { name: "Ask again" }).click();
  await local.getByText(/no longer lists/).waitFor();
  await expectAccessible(page);
  await visit(page, `${url}/admin/models`);
  await page.getByRole("row", { name: /local-large/ }).getByText("Not listed any more").waitFor();
}, 180_000);
