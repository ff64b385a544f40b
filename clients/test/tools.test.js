// Tools: the model asks for them, the client runs them, the model goes on.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { chat, gather, lines, setStage } from '../stage.js'
import { toolCalls } from '../upstream.js'

const stage = await setStage()

const weather = {
  name: 'weather',
  description: 'The weather in a city',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' }, note: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
}
const tools = [{ type: 'function', function: weather }]
const weatherIn = (city) => (city === 'Oslo' ? '4 degrees' : 'rain')

for (const line of lines) {
  describe(`openai ${line.version}`, { timeout: 60_000 }, () => {
    const completions = stage.client(line).chat.completions

    test('two calls at once, and their answers', async () => {
      const asked = chat('mock-tools', 'Where is it dry?', { tools, tool_choice: 'auto', parallel_tool_calls: true })
      const first = await completions.create(asked)
      assert.equal(first.choices[0].finish_reason, 'tool_calls')
      const { message } = first.choices[0]
      assert.equal(message.content, null)
      assert.deepEqual(message.tool_calls, toolCalls('Where is it dry?'))

      const results = message.tool_calls.map((call) => ({
        role: 'tool', tool_call_id: call.id, content: weatherIn(JSON.parse(call.function.arguments).city),
      }))
      const second = await completions.create({ ...asked, messages: [...asked.messages, message, ...results] })
      assert.equal(second.choices[0].message.content, '4 degrees; rain')
      assert.deepEqual(stage.upstream.last().body.messages.slice(2), results)
    })

    test('two calls at once, streamed in turns', async () => {
      const { chunks } = await gather(await completions.create(chat('mock-tools', 'Streamed?', { tools, stream: true })))
      const calls = []
      for (const piece of chunks.flatMap((c) => c.choices[0].delta.tool_calls ?? [])) {
        calls[piece.index] ??= { id: piece.id, type: piece.type, function: { name: piece.function.name, arguments: '' } }
        calls[piece.index].function.arguments += piece.function.arguments
      }
      assert.deepEqual(calls, toolCalls('Streamed?'))
      assert.equal(chunks.at(-1).choices[0].finish_reason, 'tool_calls')
    })

    for (const stream of [false, true]) {
      test(`the client's own tool runner, ${stream ? 'streamed' : 'plain'}`, async () => {
        const ran = []
        const run = ({ city }) => { ran.push(city); return weatherIn(city) }
        const runner = completions.runTools(chat('mock-tools', 'Run them.', {
          stream, tools: [{ type: 'function', function: { ...weather, parse: JSON.parse, function: run } }],
        }))
        assert.equal(await runner.finalContent(), '4 degrees; rain')
        assert.deepEqual(ran, ['Oslo', 'Bergen'])
      })

      test(`a tool at a provider of another API, ${stream ? 'streamed' : 'plain'}`, async () => {
        const asked = chat('mock-claude', 'Ask Claude.', { tools })
        const message = stream ? await completions.stream(asked).finalMessage() : (await completions.create(asked)).choices[0].message
        const [call] = message.tool_calls
        assert.equal(call.function.name, 'weather')
        assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Oslo', note: 'Ask Claude.' })
        assert.deepEqual(stage.upstream.last().body.tools[0].input_schema, weather.parameters)
      })
    }
  })
}

test('what the clients were answered is as OpenAI describes it', () => {
  assert.deepEqual(stage.watcher.wrong, [])
  assert.ok(stage.watcher.seen.CreateChatCompletionResponse > 0 && stage.watcher.seen.CreateChatCompletionStreamResponse > 0)
})

test('what the provider was sent is as OpenAI describes it', () => {
  assert.deepEqual(stage.sentFaults(), [])
})
