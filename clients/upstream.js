// A scripted provider. It speaks OpenAI's chat completions, its Responses at
// /v1/responses, its embeddings at /v1/embeddings and Anthropic's messages at
// /v1/messages; how it behaves is told by the model that is asked.

import http from 'node:http'
import { Readable } from 'node:stream'
import { text as readAll } from 'node:stream/consumers'
import { respond } from './upstream-responses.js'

// What the provider answers with, byte for byte, when it does not answer.
export const busyBody = '{ "error" : {"message":"slow\\u0020down","type":"tokens",\n"code":"rate_limit_exceeded","param":null}, "more":[1.0,2e3] }\n\n'
export const brokenBody = 'upstream says: ☎ no\r\n'

const behaviours = {
  // Says the user's last text again; streamed, one character at a time.
  echo: (asked, res) => (asked.stream ? streamText(asked, res, lastText(asked)) : whole(asked, res, { content: lastText(asked) })),
  // Calls two tools at once; then says what they answered.
  tools(asked, res) {
    const results = asked.messages.filter((m) => m.role === 'tool').map((m) => m.content)
    if (results.length) return behaviours.say(asked, res, results.join('; '))
    const calls = toolCalls(lastText(asked))
    return asked.stream ? streamCalls(asked, res, calls) : whole(asked, res, { content: null, tool_calls: calls }, 'tool_calls')
  },
  say: (asked, res, text) => (asked.stream ? streamText(asked, res, text) : whole(asked, res, { content: text })),
  busy: (_, res) => res.writeHead(429, { 'content-type': 'application/json; odd=yes', 'retry-after': '7' }).end(busyBody),
  broken: (_, res) => res.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end(brokenBody),
  nothing: (_, res) => res.writeHead(200, { 'content-type': 'application/json' }).end(),
  garbage: (_, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<html>lunch break</html>'),
  // Breaks the connection in the middle of an answer.
  cut(asked, res) {
    const send = stream(asked, res)
    send({ role: 'assistant', content: '' })
    send({ content: 'half of ' })
    res.write('data: {"id":', () => res.destroy())
  },
  // Streams until the client has left.
  endless(asked, res) {
    const send = stream(asked, res)
    send({ role: 'assistant', content: '' })
    const tick = setInterval(() => send({ content: 'and on ' }), 10)
    res.on('close', () => clearInterval(tick))
  },
}

// startUpstream returns the running provider. Its calls are the requests as they
// came in; left of a call resolves to whether the client went away before its end.
// What scripts holds for a path answers there in place of a behaviour.
export async function startUpstream(scripts = {}) {
  const calls = []
  const server = http.createServer(async (req, res) => {
    const call = { path: req.url, headers: req.headers }
    if (req.url === '/v1/audio/transcriptions') {
      call.form = await new Response(Readable.toWeb(req), { headers: req.headers }).formData()
      calls.push(call)
      return transcribe(call.form, res)
    }
    call.raw = await readAll(req)
    call.left = new Promise((resolve) => res.on('close', () => resolve(!res.writableFinished)))
    call.body = JSON.parse(call.raw)
    calls.push(call)
    if (scripts[req.url]) return scripts[req.url](call.body, res)
    if (req.url === '/v1/messages/count_tokens') return json(res, { input_tokens: 2095 })
    if (req.url === '/v1/responses/input_tokens') return json(res, { object: 'response.input_tokens', input_tokens: 2095 })
    if (req.url === '/v1/messages') return (claudes[call.body.model] ?? claude)(call.body, res)
    if (req.url === '/v1/embeddings') return embed(call.body, res)
    const behave = () => behaviours[call.body.model](call.body, res)
    if (req.url === '/v1/responses') return respond(call.body, res, behave)
    behave()
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    models: Object.keys(behaviours),
    claudes: Object.keys(claudes),
    calls,
    last: () => calls.at(-1),
    stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  }
}

function lastText(asked) {
  return textOf(asked.messages.findLast((m) => m.role === 'user').content)
}

const textOf = (content) => (typeof content === 'string' ? content : content.map((part) => part.text ?? '').join(''))

export function toolCalls(note) {
  return ['Oslo', 'Bergen'].map((city, i) => ({
    id: `call_${i}`, type: 'function', function: { name: 'weather', arguments: JSON.stringify({ city, note }) },
  }))
}

const usage = { prompt_tokens: 21, completion_tokens: 9, total_tokens: 30 }

// answer is what whole answers and chunks share.
const answer = (asked, object) => ({ id: 'chatcmpl-scripted', object, created: 1767225600, model: `scripted-${asked.model}` })

function whole(asked, res, message, finish_reason = 'stop') {
  const choice = { index: 0, message: { role: 'assistant', refusal: null, ...message }, logprobs: null, finish_reason }
  json(res, { ...answer(asked, 'chat.completion'), choices: [choice], usage })
}

// vector is what a text is embedded as: numbers that a float of four bytes holds.
export const vector = (text, dimensions = 4) => Array.from({ length: dimensions }, (_, i) => text.length + i / 8)

function embed(asked, res) {
  const data = [asked.input].flat().map((text, index) => {
    const numbers = vector(text, asked.dimensions)
    const embedding = asked.encoding_format === 'base64' ? Buffer.from(new Float32Array(numbers).buffer).toString('base64') : numbers
    return { object: 'embedding', index, embedding }
  })
  json(res, { object: 'list', data, model: 'scripted-embedding', usage: { prompt_tokens: 21, total_tokens: 21 } })
}

// transcribe hears the same in every file, in the form that is asked for.
function transcribe(form, res) {
  const text = 'Hello, Smør.'
  const plain = (body) => res.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(body)
  if (form.get('stream') === 'true') {
    const usage = { type: 'tokens', input_tokens: 14, input_token_details: { text_tokens: 0, audio_tokens: 14 }, output_tokens: 9, total_tokens: 23 }
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const delta of ['Hello,', ' Smør.']) res.write(`data: ${JSON.stringify({ type: 'transcript.text.delta', delta })}\n\n`)
    return res.end(`data: ${JSON.stringify({ type: 'transcript.text.done', text, usage })}\n\n`)
  }
  switch (form.get('response_format')) {
    case 'text': return plain(`${text}\n`)
    case 'srt': return plain(`1\n00:00:00,000 --> 00:00:03,000\n${text}\n\n`)
    case 'vtt': return plain(`WEBVTT\n\n00:00:00.000 --> 00:00:03.000\n${text}\n\n`)
    case 'verbose_json': return json(res, {
      task: 'transcribe', language: 'english', duration: 3, text, segments: [{ id: 0, start: 0, end: 3, text: ` ${text}` }],
      words: [{ word: 'Hello', start: 0, end: 1 }, { word: 'Smør', start: 1, end: 2 }], usage: { type: 'duration', seconds: 3 },
    })
  }
  json(res, { text, usage: { type: 'duration', seconds: 3 } })
}

function json(res, body) {
  res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

// stream begins a stream and returns what sends its chunks. As OpenAI does, each
// chunk has a usage of null when usage was asked for.
export function stream(asked, res) {
  res.writeHead(200, { 'content-type': 'text/event-stream' })
  const withUsage = asked.stream_options?.include_usage === true
  return (delta, finish_reason = null) => {
    const choices = delta ? [{ index: 0, delta, logprobs: null, finish_reason }] : []
    const chunk = { ...answer(asked, 'chat.completion.chunk'), choices }
    if (withUsage) chunk.usage = delta ? null : usage
    res.write(`data: ${JSON.stringify(chunk)}\n\n`)
  }
}

export function streamEnd(asked, res, send, reason) {
  send({}, reason)
  if (asked.stream_options?.include_usage) send(null)
  res.end('data: [DONE]\n\n')
}

function streamText(asked, res, text) {
  const send = stream(asked, res)
  send({ role: 'assistant', content: '' })
  for (const character of text) send({ content: character })
  streamEnd(asked, res, send, 'stop')
}

function streamCalls(asked, res, calls) {
  const send = stream(asked, res)
  send({ role: 'assistant', content: null })
  calls.forEach(({ id, type, function: { name } }, index) => {
    send({ tool_calls: [{ index, id, type, function: { name, arguments: '' } }] })
  })
  // The arguments of both, taking turns.
  const pieces = calls.map((call) => call.function.arguments.match(/.{1,3}/gsu))
  for (let i = 0; i < Math.max(...pieces.map((p) => p.length)); i++) {
    pieces.forEach((p, index) => p[i] && send({ tool_calls: [{ index, function: { arguments: p[i] } }] }))
  }
  streamEnd(asked, res, send, 'tool_calls')
}

// claude answers as Anthropic's API does: with a text, or a call of the first tool.
function claude(asked, res) {
  const text = lastText(asked)
  if (!asked.tools) return claudeSays(asked, res, [{ type: 'text', text }])
  claudeSays(asked, res, [{ type: 'tool_use', id: 'toolu_1', name: asked.tools[0].name, input: { city: 'Oslo', note: text } }])
}

// What Claude signs its thinking with.
export const signature = 'EqQBCgIYAhIM/odd+letters=='
export const redacted = 'b3BhcXVl/+=='

const claudeFails = (status, type, headers) => (_, res) =>
  res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(claudeError(type))
export const claudeError = (type) => `{ "type":"error", "error":{"type":"${type}","message":"as\\u0020scripted"},"request_id":"req_scripted"}`

const claudes = {
  // Thinks, calls two tools at once; then says what they answered.
  'claude-tools'(asked, res) {
    const results = asked.messages.at(-1).content
    if (Array.isArray(results) && results[0].type === 'tool_result') {
      return claudeSays(asked, res, [{ type: 'text', text: results.map((r) => textOf(r.content)).join('; ') }])
    }
    claudeSays(asked, res, [
      { type: 'thinking', thinking: 'Two cities.', signature },
      { type: 'redacted_thinking', data: redacted },
      { type: 'text', text: 'I look.' },
      ...toolCalls(lastText(asked)).map((call) => ({
        type: 'tool_use', id: `toolu_${call.id}`, name: call.function.name, input: JSON.parse(call.function.arguments),
      })),
    ])
  },
  'claude-stop': (asked, res) => claudeSays(asked, res, [{ type: 'text', text: 'One, ' }], { stop_reason: 'stop_sequence', stop_sequence: 'two' }),
  'claude-busy': claudeFails(429, 'rate_limit_error', { 'retry-after': '7' }),
  'claude-broken': claudeFails(500, 'api_error'),
  'claude-overloaded': claudeFails(529, 'overloaded_error'),
  'claude-lost': claudeFails(404, 'not_found_error'),
  // Says nothing, until the caller leaves.
  'claude-silent'() {},
  // Fails in the middle of a stream.
  'claude-tired'(asked, res) {
    const send = claudeStream(asked, res)
    send('content_block_start', { index: 0, content_block: { type: 'text', text: '' } })
    send('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'half of ' } })
    res.end(`event: error\ndata: ${claudeError('overloaded_error')}\n\n`)
  },
}

const claudeUsage = { input_tokens: 13, cache_creation_input_tokens: 3, cache_read_input_tokens: 5, output_tokens: 9 }
const claudeMessage = (asked) => ({ id: 'msg_scripted', type: 'message', role: 'assistant', model: asked.model, usage: claudeUsage })

function claudeStream(asked, res) {
  res.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = (type, fields) => res.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`)
  send('message_start', { message: { ...claudeMessage(asked), content: [], stop_reason: null, stop_sequence: null } })
  send('ping')
  return send
}

export function claudeSays(asked, res, content, end) {
  end ??= { stop_reason: content.at(-1).type === 'tool_use' ? 'tool_use' : 'end_turn', stop_sequence: null }
  if (!asked.stream) return json(res, { ...claudeMessage(asked), content, ...end })
  const send = claudeStream(asked, res)
  content.forEach((block, index) => {
    const delta = (type, fields) => send('content_block_delta', { index, delta: { type, ...fields } })
    const empty = { text: { text: '' }, thinking: { thinking: '', signature: '' }, tool_use: { input: {} } }[block.type]
    send('content_block_start', { index, content_block: { ...block, ...empty } })
    for (const text of block.text ?? '') delta('text_delta', { text })
    for (const thinking of block.thinking ?? '') delta('thinking_delta', { thinking })
    if (block.signature) delta('signature_delta', { signature: block.signature })
    for (const partial_json of block.input ? JSON.stringify(block.input) : '') delta('input_json_delta', { partial_json })
    send('content_block_stop', { index })
  })
  send('message_delta', { delta: end, usage: { output_tokens: 9 } })
  send('message_stop')
  res.end()
}
