/** What stands for the key: never the key itself, which is shown once and elsewhere. */
export const keyPlace = "$SALLYPORT_KEY";

/** With it done the set-ups work as they stand: commands and programs read the key from there. */
export const setKey = "export SALLYPORT_KEY='your key'";

/** The first call of the quickstart. */
export function curlChat(server: string, model: string, key: string = keyPlace): string {
  return `curl ${server}/v1/chat/completions \\
  -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" \\
  -d '${JSON.stringify({ model, messages: [{ role: "user", content: "Hello!" }] })}'`;
}

export function curlAgents(server: string): string {
  return `curl ${server}/v1/agents/list -H "Authorization: Bearer ${keyPlace}"

curl ${server}/v1/agents/AGENT_ID/run \\
  -H "Authorization: Bearer ${keyPlace}" -H "Content-Type: application/json" \\
  -d '{"input": "Hello!"}'`;
}

export function openaiPython(server: string, model: string): string {
  return `import os
from openai import OpenAI

client = OpenAI(base_url="${server}/v1", api_key=os.environ["SALLYPORT_KEY"])
answer = client.chat.completions.create(
    model=${JSON.stringify(model)},
    messages=[{"role": "user", "content": "Hello!"}],
)
print(answer.choices[0].message.content)`;
}

export function openaiNode(server: string, model: string): string {
  return `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${server}/v1", apiKey: process.env.SALLYPORT_KEY });
const answer = await client.chat.completions.create({
  model: ${JSON.stringify(model)},
  messages: [{ role: "user", content: "Hello!" }],
});
console.log(answer.choices[0].message.content);`;
}

/** Codex speaks Responses with tools that a provider of OpenAI's alone knows. */
export function codex(server: string, model: string): string {
  return `model = ${JSON.stringify(model)}
model_provider = "sallyport"

[model_providers.sallyport]
name = "Sallyport"
base_url = "${server}/v1"
env_key = "SALLYPORT_KEY"
wire_api = "responses"`;
}

/** Clients of Anthropic add /v1 themselves. */
export function anthropicPython(server: string, model: string): string {
  return `import os
from anthropic import Anthropic

client = Anthropic(base_url="${server}", api_key=os.environ["SALLYPORT_KEY"])
message = client.messages.create(
    model=${JSON.stringify(model)},
    max_tokens=1024,
    messages=[{"role": "user", "content": "Hello!"}],
)
print(message.content[0].text)`;
}

export function anthropicNode(server: string, model: string): string {
  return `import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: "${server}", apiKey: process.env.SALLYPORT_KEY });
const message = await client.messages.create({
  model: ${JSON.stringify(model)},
  max_tokens: 1024,
  messages: [{ role: "user", content: "Hello!" }],
});
console.log(message.content[0].text);`;
}

/** Claude Code asks a smaller model for small things; here the same one does both. */
export function claudeCode(server: string, model: string): string {
  return `export ANTHROPIC_BASE_URL=${server}
export ANTHROPIC_API_KEY="${keyPlace}"
export ANTHROPIC_MODEL='${model}' ANTHROPIC_DEFAULT_HAIKU_MODEL='${model}'
claude`;
}
