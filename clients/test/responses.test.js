// OpenAI's Responses with the official client: on a provider that speaks it, on
// one that speaks chat completions only, and on Anthropic's, each answer judged by
// the contract.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { faults } from '../contract/contract.js'
import { lines, setStage } from '../stage.js'

const stage = await setStage()
const awkward = 'Ünïcode, 👩‍💻, "quotes" \\ and\na line'
const tools = [{
  type: 'function', name: 'weather', description: 'The weather of a city', strict: true,
  parameters: { type: 'object', properties: { city: { type: 'string' }, note: { type: 'string' } }, required: ['city', 'note'], additionalProperties: false },
}]
// Each stands for a provider's dialect.
const kinds = { responses: 'mock', chat: 'chat' }

for (const line of lines) {
  const client = stage.client(line)
  const ask = (model, more) => ({ model, input: awkward, store: false, ...more })

  for (const [kind, prefix] of Object.entries(kinds)) {
    const name = (what) => `openai ${line.version}, ${kind}: ${what}`

    test(name('a plain answer'), async () => {
      const answer = await client.responses.create(ask(`${prefix}-echo`, { instructions: 'Echo.', metadata: { a: 'b' } }))
      assert.equal(answer.output_text, awkward)
      assert.equal(answer.status, 'completed')
      assert.equal(answer.instructions, 'Echo.')
      assert.deepEqual(answer.metadata, { a: 'b' })
      assert.equal(answer.usage.total_tokens, 30)
    })

    test(name('a stream'), async () => {
      const events = []
      for await (const event of await client.responses.create(ask(`${prefix}-echo`, { stream: true }))) events.push(event)
      assert.equal(events.filter((e) => e.type === 'response.output_text.delta').map((e) => e.delta).join(''), awkward)
      assert.deepEqual(events.map((e) => e.sequence_number), events.map((_, i) => i))
      assert.equal(events[0].type, 'response.created')
      assert.equal(events.at(-1).type, 'response.completed')
    })

    test(name('the stream helper'), async () => {
      const stream = client.responses.stream(ask(`${prefix}-echo`))
      let text = ''
      stream.on('response.output_text.delta', (event) => { text += event.delta })
      const answer = await stream.finalResponse()
      assert.equal(text, awkward)
      assert.equal(answer.output_text, awkward)
    })

    for (const streamed of [false, true]) {
      test(name(`tools go round${streamed ? ', streamed' : ''}`), async () => {
        const create = async (body) => (streamed ? client.responses.stream(body).finalResponse() : client.responses.create(body))
        const asked = ask(`${prefix}-tools`, { tools, input: [{ role: 'user', content: awkward }] })
        const first = await create(asked)
        assert.equal(first.status, 'completed')
        const calls = first.output.filter((item) => item.type === 'function_call')
        assert.deepEqual(calls.map((call) => JSON.parse(call.arguments)), [{ city: 'Oslo', note: awkward }, { city: 'Bergen', note: awkward }])
        const outputs = calls.map((call, i) => ({ type: 'function_call_output', call_id: call.call_id, output: `${i}: rain` }))
        const { parsed_arguments, ...rest } = first.output[0]
        const second = await create({ ...asked, input: [...asked.input, rest, ...first.output.slice(1).map(({ parsed_arguments, ...call }) => call), ...outputs] })
        assert.equal(second.output_text, '0: rain; 1: rain')
      })
    }

    test(name('what is stored is followed, read and deleted'), async () => {
      const { store, ...keeping } = ask(`${prefix}-echo`)
      const first = await client.responses.create({ ...keeping, input: 'one' })
      const second = await client.responses.stream({ ...keeping, input: 'two', previous_response_id: first.id }).finalResponse()
      assert.equal(second.previous_response_id, first.id)
      assert.match(JSON.stringify(stage.upstream.last().body), /"one".*"two"/s)
      assert.equal((await client.responses.retrieve(second.id)).output_text, 'two')
      const items = []
      for await (const item of client.responses.inputItems.list(second.id, { order: 'asc', limit: 1 })) items.push(item)
      assert.deepEqual([items[0], items.at(-1)].map((item) => item.content[0].text), ['one', 'two'])
      await client.responses.delete(second.id)
      await assert.rejects(client.responses.retrieve(second.id), (error) => error instanceof line.NotFoundError)
      await assert.rejects(client.responses.create({ ...keeping, previous_response_id: second.id }), { status: 404, code: 'previous_response_not_found' })
    })

    test(name('a structured answer'), async () => {
      const answer = await client.responses.parse(ask(`${prefix}-echo`, {
        input: '{"city":"Oslo"}',
        text: { format: { type: 'json_schema', name: 'city', strict: true, schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false } } },
      }))
      assert.deepEqual(JSON.parse(answer.output_text), { city: 'Oslo' })
    })

    test(name('what goes wrong'), async () => {
      await assert.rejects(client.responses.create(ask(`${prefix}-busy`)), (error) => {
        assert.equal(error.status, 429)
        assert.equal(error.headers.get('retry-after'), '7')
        return error instanceof line.RateLimitError
      })
      await assert.rejects(async () => {
        for await (const _ of await client.responses.create(ask(`${prefix}-cut`, { stream: true }))) { /* until it breaks */ }
      }, (error) => error instanceof line.APIError && /before its end/.test(error.message))
      await assert.rejects(client.responses.create(ask('nothing')), { status: 400, code: 'model_not_found', type: 'invalid_request_error' })
      await assert.rejects(client.responses.create(ask(`${prefix}-echo`, { background: true })), { status: 400, code: 'invalid_body' })
    })

    test(name('in the background'), async () => {
      const begun = await client.responses.create(ask(`${prefix}-echo`, { background: true, store: true }))
      assert.equal(begun.status, 'in_progress')
      assert.equal(begun.background, true)
      assert.equal((await ended(client, begun.id)).output_text, awkward)
      assert.equal((await client.responses.cancel(begun.id)).status, 'completed')
    })
  }
}

// ended polls a response until it is no more in progress.
async function ended(client, id) {
  for (;;) {
    const response = await client.responses.retrieve(id)
    if (response.status !== 'in_progress') return response
    await sleep(20)
  }
}

for (const line of lines) {
  test(`openai ${line.version}: a response in the background outlives its reader, and is cancelled`, async () => {
    const client = stage.client(line)
    let id
    for await (const event of await client.responses.create({ model: 'chat-endless', input: 'x', background: true, stream: true })) {
      id ??= event.response.id
      if (event.type === 'response.output_text.delta') break
    }
    const asked = stage.upstream.last()
    assert.equal((await client.responses.retrieve(id)).status, 'in_progress')
    const rest = await client.responses.retrieve(id, { stream: true, starting_after: 2 })
    for await (const event of rest) {
      assert.ok(event.sequence_number > 2, event.type)
      break
    }
    for (const _ of [1, 2]) assert.equal((await client.responses.cancel(id)).status, 'cancelled')
    assert.equal(await asked.left, true)
    assert.equal((await client.responses.retrieve(id)).status, 'cancelled')
  })
}

for (const streamed of [false, true]) {
  test(`on a provider of Anthropic's API${streamed ? ', streamed' : ''}`, async () => {
    const client = stage.client(lines[0])
    const ask = async (body) => (streamed ? client.responses.stream(body).finalResponse() : client.responses.create(body))
    const said = await ask({ model: 'mock-claude', input: awkward, store: false })
    assert.equal(said.output_text, awkward)
    assert.equal(said.usage.total_tokens, 30)
    const called = await ask({ model: 'mock-claude', input: awkward, store: false, tools })
    const call = called.output.find((item) => item.type === 'function_call')
    assert.deepEqual([called.status, call.name, JSON.parse(call.arguments)], ['completed', 'weather', { city: 'Oslo', note: awkward }])
  })
}

test('encrypted reasoning comes back as it went', async () => {
  const client = stage.client(lines[0])
  const first = await client.responses.create({ model: 'mock-echo', input: 'x', store: false, include: ['reasoning.encrypted_content'] })
  const reasoning = first.output.find((item) => item.type === 'reasoning')
  await client.responses.create({ model: 'mock-echo', store: false, input: [{ ...reasoning, content: null }, { role: 'user', content: 'y' }] })
  assert.deepEqual(stage.upstream.last().body.input[0], { ...reasoning, content: null })
})

test('every answer was right, and what the provider was sent', () => {
  assert.deepEqual(stage.watcher.wrong, [])
  assert.ok(stage.watcher.seen.Response > 10 && stage.watcher.seen.ResponseStreamEvent > 500, JSON.stringify(stage.watcher.seen))
  assert.deepEqual(stage.sentFaults(), [])
  const sent = stage.upstream.calls.filter((call) => call.path === '/v1/responses')
  assert.ok(sent.every((call) => call.body.store === false))
  assert.deepEqual(sent.filter((call) => !call.body.input.some?.((item) => item.content === null)).flatMap((call) => faults('CreateResponse', call.body)), [])
})
