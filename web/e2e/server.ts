import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const binary = process.env.SALLYPORT_BINARY ?? fileURLToPath(new URL("../../bin/sallyport", import.meta.url));

/** Nothing of the caller's environment may set up a provider. */
const environment = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "" };

const startTime = 30_000;
const stopTime = 30_000;

/** The real program in a folder of its own, with what its first start made. */
export interface Server {
  url: string;
  /** Where the first person sets it up, when there is nobody; then what the first start makes is empty. */
  setupLink: string;
  email: string;
  password: string;
  apiKey: string;
  folder: string;
  /** Runs a command of the program beside the server and returns what it prints. */
  command: (...args: string[]) => Promise<string>;
  /** kill -9, and a new start on the same address and folder. */
  restart: () => Promise<void>;
  stop: () => Promise<void>;
}

/** Starts a server; config is the operator's file, and script what its offline model answers. With empty there is nobody yet. */
export async function startServer({ config = {}, script, empty = false }: { config?: object; script?: object[]; empty?: boolean } = {}): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), "sallyport-e2e-"));
  const file = join(folder, "sallyport.yaml"); // JSON is YAML too
  if (script) await writeFile(join(folder, "script.yaml"), JSON.stringify(script));
  await writeFile(file, JSON.stringify({ ...(script ? scripted : {}), ...config }));
  const flags = ["--data", join(folder, "data"), "--config", file];
  const command = async (...args: string[]) =>
    (await promisify(execFile)(binary, [...args, ...flags], { env: environment, cwd: folder })).stdout;
  const made = empty ? { email: "", password: "", api_key: "" } : (JSON.parse(await command("init", "--json")) as { email: string; password: string; api_key: string });
  const start = (address: string) => serve(folder, [...flags, ...(empty ? ["--no-init"] : []), "--addr", address]);
  let running = await start("127.0.0.1:0");
  return {
    url: running.url,
    setupLink: running.setupLink,
    email: made.email,
    password: made.password,
    apiKey: made.api_key,
    folder,
    command,
    async restart() {
      running.process.kill("SIGKILL");
      await running.ended;
      running = await start(new URL(running.url).host);
    },
    async stop() {
      running.process.kill("SIGTERM");
      const patience = setTimeout(() => running.process.kill("SIGKILL"), stopTime);
      await running.ended;
      clearTimeout(patience);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** One offline provider whose answers are the script, behind the model demo-model. */
const scripted = {
  providers: [{ name: "demo", type: "offline", script: "script.yaml" }],
  models: [{ id: "demo-model", provider: "demo", target: "demo", price: { input: 1, output: 2 } }],
};

async function serve(folder: string, flags: string[]): Promise<{ url: string; setupLink: string; process: ChildProcess; ended: Promise<unknown> }> {
  const server = spawn(binary, ["serve", ...flags], { env: environment, cwd: folder });
  const ended = once(server, "exit");
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`the server did not start: ${why}: ${said}`));
    const patience = setTimeout(() => {
      server.kill("SIGKILL");
      fail("it took too long");
    }, startTime);
    server.stderr.on("data", (piece) => (said += String(piece)));
    server.stdout.on("data", (piece) => {
      said += String(piece);
      const ready = /ready at (\S+)\n/.exec(said);
      if (!ready?.[1] || (/^Nobody is here/m.test(said) && !setupLink(said))) return;
      clearTimeout(patience);
      resolve(ready[1]);
    });
    void ended.then(() => fail("it ended"));
  });
  return { url, setupLink: setupLink(said), process: server, ended };
}

const setupLink = (said: string) => /^\s+(\S+\/setup#\S+)\n/m.exec(said)?.[1] ?? "";
