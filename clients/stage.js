// The binary between the scripted provider and the clients of one test file.

import { after } from 'node:test'
import * as anthropic from '@anthropic-ai/sdk'
import * as openai7 from 'openai'
import * as openai6 from 'openai-6'
import { VERSION as version7 } from 'openai/version'
import { VERSION as version6 } from 'openai-6/version'
import { startBinary } from './binary.js'
import { faults } from './contract/contract.js'
import { watch } from './contract/watch.js'
import { startUpstream } from './upstream.js'

// The official clients: the newest of each line that is in use.
export const lines = [
  { version: version7, ...openai7 },
  { version: version6, ...openai6 },
]

const sent = { '/v1/chat/completions': 'CreateChatCompletionRequest', '/v1/embeddings': 'CreateEmbeddingRequest' }

const price = { input: 2.5, output: 10 }

// setStage starts everything for one test file, and ends it after its tests.
export async function setStage() {
  const upstream = await startUpstream()
  after(() => upstream.stop())
  const binary = await startBinary({
    providers: [
      { name: 'scripted', type: 'openai', base_url: `${upstream.url}/v1`, api_key: 'key-of-the-provider' },
      { name: 'chat', type: 'groq', base_url: `${upstream.url}/v1`, api_key: 'key-of-the-provider' },
      { name: 'claude', type: 'anthropic', base_url: upstream.url, api_key: 'key-of-the-provider' },
      { name: 'offline', type: 'offline' },
    ],
    models: [
      ...upstream.models.map((target) => ({ id: `mock-${target}`, provider: 'scripted', target, price })),
      ...upstream.models.map((target) => ({ id: `chat-${target}`, provider: 'chat', target, price })),
      ...upstream.claudes.map((target) => ({ id: `mock-${target}`, provider: 'claude', target, price })),
      { id: 'mock-claude', provider: 'claude', target: 'claude-scripted', price },
      { id: 'mock-costly', provider: 'scripted', target: 'echo', price: { input: 1_000_000, output: 1_000_000 } },
      { id: 'mock-embedding', provider: 'scripted', target: 'embedding', price },
      { id: 'mock-whisper', provider: 'scripted', target: 'whisper', price: { input: 2.5, output: 10, minute: 0.006 } },
      { id: 'claude-embedding', provider: 'claude', target: 'embedding', price },
      { id: 'offline-1', provider: 'offline', price: { input: 0.1, output: 0.4 } },
    ],
  })
  after(() => binary.stop())
  const key = binary.made.api_key
  const watcher = watch()
  return {
    upstream, binary, key, watcher, url: binary.url,
    // A client of the line, which tries once and is looked over the shoulder.
    client: (line, options) => new line.OpenAI({ apiKey: key, baseURL: `${binary.url}/v1`, maxRetries: 0, fetch: watcher.fetch, ...options }),
    // Anthropic's client, which tries once.
    anthropic: (options) => new anthropic.Anthropic({ apiKey: key, baseURL: binary.url, maxRetries: 0, ...options }),
    // What is wrong, by OpenAI's description, with what the provider was sent.
    sentFaults: () => upstream.calls.flatMap((c) => (sent[c.path] ? faults(sent[c.path], c.body) : [])),
  }
}

// chat is the body of a request with one message.
export const chat = (model, content, more) => ({ model, messages: [{ role: 'user', content }], ...more })

// gather reads a stream to its end.
export async function gather(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return { chunks, text: chunks.map((c) => c.choices[0]?.delta.content ?? '').join('') }
}
