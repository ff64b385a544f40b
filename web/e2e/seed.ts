import type { Model } from "./model";
import type { Server } from "./server";

/** How many calls fillTrail has under way at a time. */
const callers = 32;

/** For startServer: the models that a test writes itself, and demo-model, which gives as many answers as one likes. */
export const plentiful = (model: Model, ...models: string[]) => {
  const { providers, models: written } = model.config(...models);
  return {
    config: {
      providers: [...providers, { name: "demo", type: "offline", script: "script.yaml" }],
      models: [...written, { id: "demo-model", provider: "demo", target: "demo", price: { input: 0, output: 0 } }],
    },
    script,
  };
};

const script = [{ reply: "# Answer\n\nIt is **append only**, as `a ledger` is:\n\n- what was written stays\n- what is new comes below\n\n```go\nfunc main() { println(1) }\n```\n\n" + "Nothing of it is taken away. ".repeat(8) }];

/** Makes a conversation as a page would, question after question, which goes on with another model; returns its id. */
export async function converse(server: Server, turns: number, nextModel: string): Promise<string> {
  const ask = await signedIn(server);
  const { id } = (await (await ask("POST", "/conversations", { model: "demo-model" })).json()) as { id: string };
  let parent = "";
  for (let turn = 1; turn <= turns; turn++) {
    const question = { parent, text: `Question ${turn} of ${turns}`, model: "", attachments: [] };
    const { answer } = (await (await ask("POST", `/conversations/${id}/messages`, question)).json()) as { answer: { id: string } };
    await (await ask("GET", `/conversations/${id}/messages/${answer.id}/events?after=0`)).text(); // ends with the answer
    parent = answer.id;
  }
  await ask("PATCH", `/conversations/${id}`, { model: nextModel });
  return id;
}

/** Calls a model that there is not, which makes one record each time, and then one that there is: two. */
export async function fillTrail(server: Server, refusals: number, calls: number): Promise<void> {
  let next = 0;
  const caller = async () => {
    while (next < refusals + calls) {
      const n = next++;
      const refused = n < refusals;
      const response = await fetch(`${server.url}/v1/chat/completions`, {
        method: "POST",
        headers: { Authorization: `Bearer ${server.apiKey}`, "Content-Type": "application/json" },
        body: JSON.stringify({ model: refused ? "nothing" : "demo-model", messages: [{ role: "user", content: `Call ${n}` }] }),
      });
      const text = await response.text();
      if (response.ok === refused) throw new Error(`call ${n}: ${response.status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

/** signedIn gives a fetch of the API with a session of the first administrator. */
async function signedIn(server: Server) {
  const base = `${server.url}/api/v1`;
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  const ask = async (method: string, path: string, body?: object) => {
    const response = await fetch(base + path, { method, headers, body: body ? JSON.stringify(body) : null });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const opened = await ask("POST", "/session", { email: server.email, password: server.password });
  headers["Cookie"] = opened.headers.getSetCookie().map((c) => c.split(";")[0]).join("; ");
  headers["X-CSRF-Token"] = ((await opened.json()) as { csrf_token: string }).csrf_token;
  return ask;
}
