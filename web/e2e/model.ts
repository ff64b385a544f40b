import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * A provider whose answers the test writes piece by piece: an answer is as slow
 * as the test needs it to be, and no test has to race its end.
 */
export interface Model {
  /** For the operator's file: the provider, and the models that it serves. */
  config: (...models: string[]) => { providers: object[]; models: object[] };
  /** The next call that comes, or the one that waits. */
  next: () => Promise<Talk>;
  stop: () => Promise<void>;
}

/** One call of the model. */
export interface Talk {
  /** What the gateway asked. */
  request: { model: string; messages: { role: string; content: unknown }[] };
  say: (text: string) => void;
  think: (text: string) => void;
  callTool: (name: string, args: string) => void;
  /** Ends the answer as a provider does. */
  end: () => void;
  /** Says all of it and ends. */
  answer: (text: string) => void;
  /** Breaks the connection in the middle. */
  breakOff: () => void;
  refuse: (status: number, message: string, headers?: Record<string, string>) => void;
  /** Resolves when the gateway has hung up. */
  left: Promise<unknown>;
}

/** How long a test waits for a call, in ms: one that never comes fails its own test, not the next ones. */
const patience = 120_000;

export async function startModel(): Promise<Model> {
  const waiting: Talk[] = [];
  const asked: ((talk: Talk) => void)[] = [];
  const server = createServer((request, response) => {
    if (request.method === "GET") return response.end('{"object":"list","data":[]}'); // which models there are: asked for once a day
    void talkOf(request, response).then((talk) => {
      const taker = asked.shift();
      if (taker) taker(talk);
      else waiting.push(talk);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    config: (...models) => ({
      providers: [{ name: "acme", type: "openai", base_url: `http://127.0.0.1:${port}/v1`, api_key: "test" }],
      models: models.map((id) => ({ id, provider: "acme", target: id, context_window: 128_000, output_max: 8_000, price: { input: "3", output: "15" } })),
    }),
    next: () => {
      const talk = waiting.shift();
      return talk ? Promise.resolve(talk) : soon(asked);
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** The call that comes to this taker, unless it takes too long. */
function soon(asked: ((talk: Talk) => void)[]): Promise<Talk> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      asked.splice(asked.indexOf(taker), 1);
      reject(new Error(`no call of the model within ${patience} ms`));
    }, patience);
    const taker = (talk: Talk) => {
      clearTimeout(late);
      resolve(talk);
    };
    asked.push(taker);
  });
}

async function talkOf(request: IncomingMessage, response: ServerResponse): Promise<Talk> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const body = JSON.parse(Buffer.concat(pieces).toString()) as Talk["request"];
  const chunk = (delta: object, finish: string | null = null, more: object = {}) => {
    if (!response.headersSent) response.writeHead(200, { "Content-Type": "text/event-stream" });
    const choices = [{ index: 0, delta, finish_reason: finish }];
    response.write(`data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: body.model, choices, ...more })}\n\n`);
  };
  let tools = 0;
  const talk: Talk = {
    request: body,
    say: (text) => chunk({ content: text }),
    think: (text) => chunk({ reasoning_content: text }),
    callTool: (name, args) => chunk({ tool_calls: [{ index: tools, id: `call_${tools++}`, type: "function", function: { name, arguments: args } }] }),
    end: () => {
      chunk({}, tools > 0 ? "tool_calls" : "stop");
      chunk({}, null, { choices: [], usage: { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 } });
      response.end("data: [DONE]\n\n");
    },
    answer: (text) => {
      talk.say(text);
      talk.end();
    },
    breakOff: () => response.destroy(),
    refuse: (status, message, headers = {}) => {
      response.writeHead(status, { "Content-Type": "application/json", ...headers });
      response.end(JSON.stringify({ error: { message, type: "error", code: null } }));
    },
    left: once(response, "close"),
  };
  return talk;
}
