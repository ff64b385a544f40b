// The judge itself: what is right passes, and what is wrong does not.

import assert from 'node:assert/strict'
import http from 'node:http'
import { test } from 'node:test'
import { eventSchema, faults, strangers } from '../contract/contract.js'
import { judge, unneeded } from '../contract/deviations.js'
import { watch } from '../contract/watch.js'

const completion = {
  id: 'chatcmpl-1', object: 'chat.completion', created: 1767225600, model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: null, refusal: null }, logprobs: null, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
}
const chunk = {
  id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1767225600, model: 'm',
  choices: [{ index: 0, delta: { content: 'a' }, logprobs: null, finish_reason: null }],
  usage: null,
}
const request = {
  model: 'm', stream: true, stream_options: { include_usage: true }, temperature: null,
  messages: [
    { role: 'user', content: [{ type: 'text', text: 'Hi.' }] },
    { role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }] },
    { role: 'tool', tool_call_id: 'c', content: 'done' },
  ],
  tools: [{ type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' } } }],
}
const model = { id: 'm', object: 'model', created: 0, owned_by: 'o', display_name: 'M' }

const right = {
  CreateChatCompletionResponse: completion,
  CreateChatCompletionStreamResponse: chunk,
  CreateChatCompletionRequest: request,
  Model: model,
  ListModelsResponse: { object: 'list', data: [model] },
}

for (const [schema, value] of Object.entries(right)) {
  test(`${schema}: right`, () => assert.deepEqual(faults(schema, value), []))
}

// with returns a copy of value with the member at path set, or gone when set to undefined.
function withMember(value, path, set) {
  const copy = structuredClone(value)
  const last = path.at(-1)
  const holder = path.slice(0, -1).reduce((at, key) => at[key], copy)
  if (set === undefined) delete holder[last]
  else holder[last] = set
  return copy
}

for (const [schema, path, set] of [
  ['CreateChatCompletionResponse', ['object'], 'chat.completion.chunk'],
  ['CreateChatCompletionResponse', ['created'], 1767225600.5],
  ['CreateChatCompletionResponse', ['created'], '1767225600'],
  ['CreateChatCompletionResponse', ['choices', 0, 'message', 'role'], 'user'],
  ['CreateChatCompletionResponse', ['choices', 0, 'message', 'content'], undefined],
  ['CreateChatCompletionResponse', ['choices', 0, 'message', 'tool_calls'], [{ id: 'c', type: 'tool' }]],
  ['CreateChatCompletionResponse', ['choices', 0, 'logprobs'], undefined],
  ['CreateChatCompletionResponse', ['choices', 0, 'finish_reason'], null],
  ['CreateChatCompletionResponse', ['usage', 'total_tokens'], undefined],
  ['CreateChatCompletionStreamResponse', ['choices', 0, 'finish_reason'], 'done'],
  ['CreateChatCompletionStreamResponse', ['choices', 0, 'delta'], 'a'],
  ['CreateChatCompletionStreamResponse', ['usage'], {}],
  ['CreateChatCompletionStreamResponse', ['id'], undefined],
  ['CreateChatCompletionRequest', ['messages'], []],
  ['CreateChatCompletionRequest', ['messages', 0, 'role'], 'human'],
  ['CreateChatCompletionRequest', ['messages', 2, 'tool_call_id'], undefined],
  ['CreateChatCompletionRequest', ['tools', 0, 'function', 'description'], 7],
  ['CreateChatCompletionRequest', ['temperature'], 'hot'],
  ['CreateChatCompletionRequest', ['model'], undefined],
  ['Model', ['owned_by'], undefined],
  ['ListModelsResponse', ['data', 0, 'created'], null],
]) {
  const shown = set === undefined ? 'absent' : JSON.stringify(set)
  test(`${schema}: wrong, ${path.join('.')} ${shown}`, () => {
    assert.notDeepEqual(faults(schema, withMember(right[schema], path, set)), [])
  })
}

const delta = { type: 'response.output_text.delta', sequence_number: 4, item_id: 'msg_1', output_index: 0, content_index: 0, delta: 'Hel', logprobs: [] }
const failure = { error: { message: 'It failed.', type: 'server_error', code: 'stream_error', param: null } }

test('an event of responses is judged by its type', () => {
  const wrong = (value) => strangers(eventSchema(value.type), value)
  assert.deepEqual(wrong(delta), [])
  assert.notDeepEqual(wrong(withMember(delta, ['sequence_number'], undefined)), [])
  assert.notDeepEqual(wrong(withMember(delta, ['sequence_number'], 'four')), [])
  assert.notDeepEqual(wrong(withMember(delta, ['type'], 'response.output_text.done')), [])
  assert.notDeepEqual(wrong(withMember(delta, ['type'], 'response.novelty')), [])
})

test('a member that the description does not name is a stranger', () => {
  const parted = withMember(completion, ['choices', 0, 'message', 'odd'], 1)
  assert.deepEqual(faults('CreateChatCompletionResponse', parted), [])
  assert.deepEqual(strangers('CreateChatCompletionResponse', parted), ['CreateChatCompletionResponse/choices/0/message: must NOT have unevaluated properties odd'])
  assert.deepEqual(strangers('CreateChatCompletionResponse', completion), [])
})

test('an error has all that OpenAI tells', () => {
  assert.deepEqual(strangers('ErrorResponse', failure), [])
  for (const name of Object.keys(failure.error)) assert.notDeepEqual(strangers('ErrorResponse', withMember(failure, ['error', name], undefined)), [], name)
})

test('a deviation is of who has it, of what is told of it, and is needed', () => {
  const wrong = (kind, value) => judge((told) => strangers('CreateChatCompletionStreamResponse', told), kind, 'chat', value)
  const tiered = (tier) => withMember(chunk, ['service_tier'], tier)
  const row = 'groq, chat: service_tier'
  assert.deepEqual(wrong('groq', tiered('default')), [])
  assert.ok(unneeded().includes(row))
  assert.deepEqual(wrong('groq', tiered('on_demand')), [])
  assert.ok(!unneeded().includes(row))
  assert.notDeepEqual(wrong('groq', tiered('odd')), [])
  assert.notDeepEqual(wrong('xai', tiered('on_demand')), [])
  assert.notDeepEqual(judge((told) => strangers('CreateChatCompletionStreamResponse', told), 'groq', 'responses', tiered('on_demand')), [])
})

// seenOf answers path with body and returns what the watch saw of it.
async function seenOf(path, type, body, status = 200) {
  const server = http.createServer((_, res) => res.writeHead(status, { 'content-type': type }).end(body))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const watcher = watch()
  const answer = await watcher.fetch(`http://127.0.0.1:${server.address().port}${path}`)
  assert.equal(await answer.text(), body) // nothing is lost on the way
  server.close()
  return watcher
}

const events = (...chunks) => chunks.map((c) => `data: ${JSON.stringify(c)}\n\n`).join('') + 'data: [DONE]\n\n'
const wrongChunk = withMember(chunk, ['choices', 0, 'index'], 'first')
const textCompletion = (finish_reason) => ({
  id: 'cmpl-1', object: 'text_completion', created: 1767225600, model: 'm', choices: [{ text: 'a', index: 0, logprobs: null, finish_reason }],
})
const vectors = (embedding) => ({
  object: 'list', model: 'm', data: [{ object: 'embedding', index: 0, embedding }], usage: { prompt_tokens: 1, total_tokens: 1 },
})
const sse = 'text/event-stream'

for (const [what, schema, path, type, good, bad] of [
  ['a stream', 'CreateChatCompletionStreamResponse', '/v1/chat/completions', sse, events(chunk, chunk), events(chunk, wrongChunk)],
  ['a plain answer', 'CreateChatCompletionResponse', '/v1/chat/completions', 'application/json', JSON.stringify(completion), '{"object"'],
  ['a text completion', 'CreateCompletionResponse', '/v1/completions', 'application/json', JSON.stringify(textCompletion('stop')), JSON.stringify(textCompletion(null))],
  ['a stream of one', 'CreateCompletionResponse', '/v1/completions', sse, events(textCompletion(null), textCompletion('stop')), events(textCompletion('tired'))],
  ['vectors', 'CreateEmbeddingResponse', '/v1/embeddings', 'application/json', JSON.stringify(vectors([0.5])), JSON.stringify(vectors(['a half']))],
  ['vectors in base64', 'CreateEmbeddingResponse', '/v1/embeddings', 'application/json', JSON.stringify(vectors('AAAAPw==')), JSON.stringify(vectors('AAAA'))],
  ['a list', 'ListModelsResponse', '/v1/models', 'application/json', JSON.stringify(right.ListModelsResponse), '[]'],
  ['a model', 'Model', '/v1/models/agent%2F1', 'application/json', JSON.stringify(model), '{}'],
]) {
  test(`the watch judges ${what}`, async () => {
    const passed = await seenOf(path, type, good)
    assert.deepEqual([passed.wrong, passed.seen[schema]], [[], type === sse ? 2 : 1])
    assert.notDeepEqual((await seenOf(path, type, bad)).wrong, [])
  })
}

test('the watch judges errors, in place of an answer and at the end of a stream', async () => {
  const wrong = withMember(failure, ['error', 'param'], undefined)
  const path = '/v1/chat/completions'
  const ended = (told) => `data: ${JSON.stringify(chunk)}\n\nevent: error\ndata: ${JSON.stringify(told)}\n\ndata: [DONE]\n\n`
  for (const [type, status, body] of [['application/json', 500, JSON.stringify], [sse, 200, ended]]) {
    const passed = await seenOf(path, type, body(failure), status)
    assert.deepEqual([passed.wrong, passed.seen.ErrorResponse], [[], 1])
    assert.notDeepEqual((await seenOf(path, type, body(wrong), status)).wrong, [])
  }
})
