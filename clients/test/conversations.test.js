// OpenAI's Conversations with the official client, and responses that join them, on
// a provider of Responses and on one of chat completions. The contract judges.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lines, setStage } from '../stage.js'

const stage = await setStage()
const tools = [{
  type: 'function', name: 'weather', strict: true,
  parameters: { type: 'object', properties: { city: { type: 'string' }, note: { type: 'string' } }, required: ['city', 'note'], additionalProperties: false },
}]
const texts = (items) => items.map((item) => item.content?.[0].text ?? item.type)

async function all(pages) {
  const items = []
  for await (const item of pages) items.push(item)
  return items
}

for (const line of lines) {
  const client = stage.client(line)
  const name = (what) => `openai ${line.version}: ${what}`

  test(name('a conversation is made, read, changed and deleted'), async () => {
    const made = await client.conversations.create({ metadata: { topic: 'x' }, items: [{ type: 'message', role: 'user', content: 'one' }] })
    assert.deepEqual(made.metadata, { topic: 'x' })
    assert.deepEqual(await client.conversations.retrieve(made.id), made)
    assert.deepEqual((await client.conversations.update(made.id, { metadata: { topic: 'y' } })).metadata, { topic: 'y' })
    const added = await client.conversations.items.create(made.id, { items: [
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'two' }] }, { type: 'message', role: 'user', content: 'three' },
    ] })
    assert.deepEqual(texts(added.data), ['two', 'three'])
    assert.deepEqual(texts(await all(client.conversations.items.list(made.id, { limit: 1 }))), ['three', 'two', 'one'])
    assert.deepEqual(texts(await all(client.conversations.items.list(made.id, { limit: 2, order: 'asc' }))), ['one', 'two', 'three'])
    const two = added.data[0]
    assert.deepEqual(await client.conversations.items.retrieve(two.id, { conversation_id: made.id }), two)
    assert.equal((await client.conversations.items.delete(two.id, { conversation_id: made.id })).id, made.id)
    await assert.rejects(client.conversations.items.retrieve(two.id, { conversation_id: made.id }), { status: 404, code: 'not_found' })
    await assert.rejects(client.conversations.items.list(made.id, { after: two.id }), { status: 400, code: 'invalid_cursor' })
    assert.deepEqual(await client.conversations.delete(made.id), { id: made.id, object: 'conversation.deleted', deleted: true })
    await assert.rejects(client.conversations.retrieve(made.id), (error) => error instanceof line.NotFoundError)
  })

  for (const prefix of ['mock', 'chat']) {
    test(name(`responses of ${prefix} join one`), async () => {
      const { id } = await client.conversations.create()
      const first = await client.responses.create({ model: `${prefix}-echo`, input: 'one', conversation: id })
      assert.deepEqual(first.conversation, { id })
      const second = await client.responses.stream({ model: `${prefix}-echo`, input: 'two', conversation: { id }, store: false }).finalResponse()
      assert.deepEqual(second.conversation, { id })
      assert.match(JSON.stringify(stage.upstream.last().body), /"one".*"one".*"two"/s)
      const called = await client.responses.create({ model: `${prefix}-tools`, tools, input: 'three', conversation: id })
      const outputs = called.output.filter((item) => item.type === 'function_call')
        .map((call, i) => ({ type: 'function_call_output', call_id: call.call_id, output: `${i}: rain` }))
      const last = await client.responses.create({ model: `${prefix}-tools`, tools, input: outputs, conversation: id })
      assert.equal(last.output_text, '0: rain; 1: rain')
      await assert.rejects(client.responses.create({ model: `${prefix}-busy`, input: 'never', conversation: id }), { status: 429 })
      const said = texts(await all(client.conversations.items.list(id, { order: 'asc', limit: 2 }))).filter((text) => text !== 'reasoning')
      assert.deepEqual(said, [
        'one', 'one', 'two', 'two', 'three', 'function_call', 'function_call', 'function_call_output', 'function_call_output', '0: rain; 1: rain',
      ])
    })
  }

  test(name('tokens are counted, and nothing is cancelled'), async () => {
    assert.equal((await client.responses.inputTokens.count({ model: 'mock-echo', input: 'x' })).input_tokens, 2095)
    assert.equal(stage.upstream.last().path, '/v1/responses/input_tokens')
    const { input_tokens } = await client.responses.inputTokens.count({ model: 'chat-echo', input: 'x' })
    assert.ok(input_tokens > 0 && input_tokens < 100, `${input_tokens}`)
    const { id } = await client.responses.create({ model: 'mock-echo', input: 'x' })
    await assert.rejects(client.responses.cancel(id), { status: 400, type: 'invalid_request_error' })
    await assert.rejects(client.responses.cancel('resp_none'), { status: 404, type: 'not_found' })
  })
}

test('every answer was right', () => {
  assert.deepEqual(stage.watcher.wrong, [])
  for (const schema of ['TokenCountsResource', 'ConversationResource', 'ConversationItemList', 'ConversationItem']) {
    assert.ok(stage.watcher.seen[schema] > 0, schema)
  }
})
