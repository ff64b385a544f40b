// Anthropic's client on the messages API, before providers of that API and of another.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as anthropic from '@anthropic-ai/sdk'
import { setStage } from '../stage.js'
import { claudeError, redacted, signature, toolCalls } from '../upstream.js'

const stage = await setStage()
const { upstream } = stage
const client = stage.anthropic()
const email = 'ada.lovelace@example.com'

const ask = (model, content, more) => ({ model, max_tokens: 100, messages: [{ role: 'user', content }], ...more })

const tools = [{
  name: 'weather', description: 'The weather in a city',
  input_schema: { type: 'object', properties: { city: { type: 'string' }, note: { type: 'string' } }, required: ['city'] },
}]
const weatherIn = (city) => (city === 'Oslo' ? '4 degrees' : 'rain')

// Asks plainly or by the client's streaming helper.
const finalMessage = (stream, body) => (stream ? client.messages.stream(body).finalMessage() : client.messages.create(body))

for (const stream of [false, true]) {
  describe(stream ? 'streamed' : 'plain', { timeout: 60_000 }, () => {
    test('a text from a provider of the same API', async () => {
      const message = await finalMessage(stream, ask('mock-claude', `Mail ${email} \u2603`, { system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }], metadata: { user_id: 'u' } }))
      assert.deepEqual([message.id, message.role, message.stop_reason, message.stop_sequence], ['msg_scripted', 'assistant', 'end_turn', null])
      assert.deepEqual(message.content, [{ type: 'text', text: `Mail ${email} \u2603` }])
      assert.deepEqual([message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens], [13, 5, 9])
      const { raw, body, headers } = upstream.last()
      assert.ok(!raw.includes('lovelace') && !('metadata' in body))
      assert.deepEqual(body.system, [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }])
      assert.match(headers['anthropic-version'], /^20\d\d-\d\d-\d\d$/)
    })

    test('a text from a provider of another API', async () => {
      const message = await finalMessage(stream, ask('mock-echo', [{ type: 'text', text: `Mail ${email}` }], { system: 'Be brief.', top_p: 0.5, stop_sequences: ['END'] }))
      assert.deepEqual([message.model, message.role, message.stop_reason, message.stop_sequence], ['mock-echo', 'assistant', 'end_turn', null])
      assert.match(message.id, /^msg_/)
      assert.deepEqual(message.content, [{ type: 'text', text: `Mail ${email}` }])
      assert.deepEqual([message.usage.input_tokens, message.usage.output_tokens], [21, 9])
      const { path, raw, body } = upstream.last()
      assert.ok(path === '/v1/chat/completions' && !raw.includes('lovelace'))
      assert.deepEqual([body.messages[0], body.top_p, body.stop], [{ role: 'system', content: 'Be brief.' }, 0.5, ['END']])
    })

    test('a stop sequence', async () => {
      const message = await finalMessage(stream, ask('mock-claude-stop', 'Count.', { stop_sequences: ['two'] }))
      assert.deepEqual([message.stop_reason, message.stop_sequence], ['stop_sequence', 'two'])
    })

    for (const [model, before] of [
      ['mock-claude-tools', [{ type: 'thinking', thinking: 'Two cities.', signature }, { type: 'redacted_thinking', data: redacted }, { type: 'text', text: 'I look.' }]],
      ['mock-tools', []],
    ]) {
      test(`two calls at once and their answers, with ${model}`, async () => {
        const asked = ask(model, 'Where is it dry?', { tools, thinking: { type: 'enabled', budget_tokens: 1024 } })
        const first = await finalMessage(stream, asked)
        assert.equal(first.stop_reason, 'tool_use')
        assert.deepEqual(first.content.slice(0, before.length), before)
        const calls = first.content.slice(before.length)
        assert.deepEqual(calls.map((c) => [c.type, c.name, c.input]), toolCalls('Where is it dry?').map((c) => ['tool_use', 'weather', JSON.parse(c.function.arguments)]))

        const results = calls.map((c) => ({ type: 'tool_result', tool_use_id: c.id, content: weatherIn(c.input.city) }))
        const messages = [...asked.messages, { role: 'assistant', content: first.content }, { role: 'user', content: results }]
        const second = await finalMessage(stream, { ...asked, messages })
        assert.equal(second.content[0].text, '4 degrees; rain')
        const sent = upstream.last().body.messages
        if (before.length) assert.deepEqual(sent, messages) // signatures and ids as they were
        else assert.deepEqual(sent.slice(2), calls.map((c) => ({ role: 'tool', tool_call_id: c.id, content: weatherIn(c.input.city) })))
      })
    }
  })
}

test('the events of a stream, in their order, whoever makes them', { timeout: 60_000 }, async () => {
  for (const model of ['mock-claude', 'mock-echo']) {
    const events = []
    for await (const event of await client.messages.create(ask(model, 'abc', { stream: true }))) events.push(event.type)
    // The client keeps pings to itself, and what is held back goes out with a later piece.
    assert.deepEqual(events.filter((type, i) => type !== 'content_block_delta' || events[i - 1] !== type), [
      'message_start', 'content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop',
    ], model)
  }
})

test("the client's own tool runner", { timeout: 60_000 }, async () => {
  for (const model of ['mock-claude-tools', 'mock-tools']) {
    const ran = []
    const runner = client.beta.messages.toolRunner(ask(model, 'Run them.', {
      tools: [{ ...tools[0], type: 'custom', parse: (input) => input, run: ({ city }) => { ran.push(city); return weatherIn(city) } }],
    }))
    const message = await runner.runUntilDone()
    assert.match(message.content[0].text, /4 degrees.*rain/)
    assert.deepEqual(ran, ['Oslo', 'Bergen'])
  }
})

test('counts of tokens', { timeout: 60_000 }, async () => {
  const body = { messages: [{ role: 'user', content: `Mail ${email}` }] }
  assert.deepEqual(await client.messages.countTokens({ model: 'mock-claude', ...body }), { input_tokens: 2095 })
  assert.equal(upstream.last().path, '/v1/messages/count_tokens')
  assert.ok(!upstream.last().raw.includes('lovelace'))
  const before = upstream.calls.length
  const { input_tokens } = await client.messages.countTokens({ model: 'mock-echo', ...body })
  assert.ok(input_tokens > 5 && input_tokens < 100, `got ${input_tokens}`)
  assert.equal(upstream.calls.length, before)
})

describe('errors', { timeout: 60_000 }, () => {
  async function refused(call, Class, status, type) {
    const error = await call.then(() => assert.fail('the call passed'), (e) => e)
    assert.ok(error instanceof Class, `got ${error.constructor.name} (${error.message}), want ${Class.name}`)
    assert.deepEqual([error.status, error.type], [status, type])
    return error
  }

  test('what we refuse', async () => {
    const before = upstream.calls.length
    const stranger = stage.anthropic({ apiKey: 'sp-of-nobody' })
    const error = await refused(stranger.messages.create(ask('mock-claude', 'Hi.')), anthropic.AuthenticationError, 401, 'authentication_error')
    assert.match(error.requestID, /^req_/)
    await refused(client.messages.create({ model: 'mock-claude', messages: [] }), anthropic.BadRequestError, 400, 'invalid_request_error')
    await refused(client.messages.create(ask('mock-none', 'Hi.')), anthropic.BadRequestError, 400, 'invalid_request_error')
    await refused(client.messages.create(ask('mock-costly', 'Hi.')), anthropic.PaymentRequiredError, 402, 'billing_error')
    await refused(client.messages.create(ask('mock-echo', 'Hi.', { container: 'c' })), anthropic.BadRequestError, 400, 'invalid_request_error')
    assert.equal(upstream.calls.length, before)
  })

  for (const [model, Class, status, type] of [
    ['mock-claude-busy', anthropic.RateLimitError, 429, 'rate_limit_error'],
    ['mock-claude-broken', anthropic.InternalServerError, 500, 'api_error'],
    ['mock-claude-overloaded', anthropic.OverloadedError, 529, 'overloaded_error'],
    ['mock-claude-lost', anthropic.NotFoundError, 404, 'not_found_error'],
    ['mock-busy', anthropic.RateLimitError, 429, 'rate_limit_error'],
    ['mock-broken', anthropic.InternalServerError, 500, 'api_error'],
    ['mock-nothing', anthropic.InternalServerError, 502, 'upstream_empty_body'],
  ]) {
    for (const stream of [false, true]) {
      test(`${model}, ${stream ? 'streamed' : 'plain'}`, async () => {
        const error = await refused(client.messages.create(ask(model, 'Hi.', { stream })), Class, status, type)
        if (status === 429) assert.equal(error.headers.get('retry-after'), '7')
        if (model.includes('claude')) assert.deepEqual(error.error, JSON.parse(claudeError(type)))
      })
    }
  }

  for (const [model, type] of [['mock-claude-tired', 'overloaded_error'], ['mock-cut', 'api_error']]) {
    test(`a stream that breaks, with ${model}`, async () => {
      let text = ''
      let ended = false
      const read = async () => {
        for await (const event of await client.messages.create(ask(model, 'Hi.', { stream: true }))) {
          if (event.type === 'content_block_delta') text += event.delta.text
          ended ||= event.type === 'message_stop'
        }
      }
      await refused(read(), anthropic.APIError, undefined, type)
      assert.deepEqual([text, ended], ['half of ', false])
    })
  }
})
