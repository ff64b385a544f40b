// Vercel's ai with its providers of OpenAI and Anthropic, each before a provider of its
// own API and of others.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import { generateObject, generateText, stepCountIs, streamText, tool } from 'ai'
import { z } from 'zod'
import { setStage } from '../stage.js'
import { signature } from '../upstream.js'

const stage = await setStage()
const { upstream } = stage
const options = { apiKey: stage.key, baseURL: `${stage.url}/v1` }
const openai = createOpenAI({ ...options, fetch: stage.watcher.fetch })
const anthropic = createAnthropic(options)

globalThis.AI_SDK_LOG_WARNINGS = false

// By the API that they speak to us.
const clients = {
  chat: { of: openai.chat },
  // It names what was stored in place of sending it again, unless told to store nothing.
  responses: { of: openai.responses },
  'responses, nothing stored,': { of: openai.responses, providerOptions: { openai: { store: false } } },
  messages: { of: anthropic.messages },
}

// The models that echo and that call two tools, by the API of their provider.
const models = {
  openai: { echo: 'mock-echo', tools: 'mock-tools', path: (api) => (api.startsWith('responses') ? '/v1/responses' : '/v1/chat/completions') },
  'chat completions only': { echo: 'chat-echo', tools: 'chat-tools', path: () => '/v1/chat/completions' },
  anthropic: { echo: 'mock-claude', tools: 'mock-claude-tools', path: () => '/v1/messages' },
}

const awkward = 'Ünïcode, 👩‍💻, "quotes" \\ and\na line'
const city = z.object({ city: z.string(), note: z.string() })

for (const [api, { of, providerOptions }] of Object.entries(clients)) {
  for (const [provider, { echo, tools, path }] of Object.entries(models)) {
    describe(`${api} on ${provider}`, { timeout: 60_000 }, () => {
      const ask = (model, more) => ({ model: of(model), prompt: awkward, maxRetries: 0, maxOutputTokens: 100, providerOptions, ...more })
      const weather = () => {
        const ran = []
        const execute = ({ city, note }) => { ran.push([city, note]); return `${city}: rain` }
        return { ran, tools: { weather: tool({ description: 'The weather of a city', inputSchema: city, execute }) } }
      }
      const bothCities = [['Oslo', awkward], ['Bergen', awkward]]

      test('generateText', async () => {
        const answer = await generateText(ask(echo, { system: 'Echo.', temperature: 0.5 }))
        assert.equal(answer.text, awkward)
        assert.equal(answer.finishReason, 'stop')
        assert.ok(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0, JSON.stringify(answer.usage))
        assert.equal(upstream.last().path, path(api))
        assert.deepEqual(answer.warnings, [])
      })

      test('streamText', async () => {
        const answer = streamText(ask(echo, { onError: () => {} }))
        const pieces = []
        for await (const piece of answer.textStream) pieces.push(piece)
        assert.equal(pieces.join(''), awkward)
        assert.ok(pieces.length > 5, 'it came at once')
        assert.equal(await answer.finishReason, 'stop')
        assert.ok((await answer.usage).outputTokens > 0)
      })

      test('tools go round', async () => {
        const { ran, tools: offered } = weather()
        const answer = await generateText(ask(tools, { tools: offered, stopWhen: stepCountIs(3) }))
        assert.equal(answer.text, 'Oslo: rain; Bergen: rain')
        assert.deepEqual(ran, bothCities)
        assert.deepEqual(answer.steps.map((s) => s.finishReason), ['tool-calls', 'stop'])
      })

      test('tools go round, streamed', async () => {
        const { ran, tools: offered } = weather()
        const answer = streamText(ask(tools, { tools: offered, stopWhen: stepCountIs(3), onError: () => {} }))
        assert.equal((await answer.steps).at(-1).text, 'Oslo: rain; Bergen: rain')
        assert.deepEqual(ran.sort(), bothCities.toSorted())
      })

      test('generateObject', async () => {
        const object = { city: 'Oslo', note: awkward }
        const answer = await generateObject(ask(echo, {
          schema: city, prompt: JSON.stringify(object),
          // Its other way, a tool named json, is for models that know no formats.
          providerOptions: { ...providerOptions, anthropic: { structuredOutputMode: 'outputFormat' } },
        }))
        assert.deepEqual(answer.object, object)
        const { body } = upstream.last()
        const format = body.response_format?.json_schema ?? body.text?.format ?? body.output_config.format
        assert.deepEqual(Object.keys(format.schema.properties), ['city', 'note'])
      })
    })
  }
}

test('signed thinking comes back as it went', { timeout: 60_000 }, async () => {
  const thinking = { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } }
  const execute = () => 'rain'
  await generateText({
    model: anthropic.messages('mock-claude-tools'), prompt: 'Where is it dry?', providerOptions: thinking, maxRetries: 0,
    tools: { weather: tool({ inputSchema: city, execute }) }, stopWhen: stepCountIs(3),
  })
  assert.deepEqual(upstream.last().body.messages[1].content[0], { type: 'thinking', thinking: 'Two cities.', signature })
})

test('an object by way of a tool', { timeout: 60_000 }, async () => {
  const { object } = await generateObject({ model: anthropic.messages('mock-claude'), schema: city, prompt: awkward, maxRetries: 0, providerOptions: { anthropic: { structuredOutputMode: 'jsonTool' } } })
  assert.deepEqual(object, { city: 'Oslo', note: awkward })
})

test('a provider that is busy, and one that ends too early', { timeout: 60_000 }, async () => {
  for (const { of } of Object.values(clients)) {
    const busy = generateText({ model: of('mock-busy'), prompt: 'x', maxRetries: 0 })
    await assert.rejects(busy, (error) => error.statusCode === 429 && error.isRetryable && error.responseHeaders['retry-after'] === '7')
    const errors = []
    const cut = streamText({ model: of('mock-cut'), prompt: 'x', maxRetries: 0, onError: ({ error }) => errors.push(error) })
    await cut.consumeStream({ onError: () => {} })
    assert.equal(errors.length, 1)
  }
})

test('every answer was right, and what the provider was sent', () => {
  assert.deepEqual(stage.watcher.wrong, [])
  const { CreateChatCompletionResponse, CreateChatCompletionStreamResponse, Response, ResponseStreamEvent } = stage.watcher.seen
  assert.ok(CreateChatCompletionResponse > 5 && CreateChatCompletionStreamResponse > 100 && Response > 5 && ResponseStreamEvent > 100)
  assert.deepEqual(stage.sentFaults(), [])
  // Providers store nothing, so a reference would name nothing there.
  assert.ok(upstream.calls.every((call) => !call.raw.includes('item_reference')))
})
