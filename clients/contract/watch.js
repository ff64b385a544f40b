// Looks over the shoulder of a client: watch() gives a fetch that passes
// everything through and judges each answer by contract.js on its way.

import { faults } from './contract.js'

export function watch() {
  const seen = {
    CreateChatCompletionResponse: 0, CreateChatCompletionStreamResponse: 0, ListModelsResponse: 0, Model: 0,
    Response: 0, ResponseStreamEvent: 0, ResponseItemList: 0,
    CreateCompletionResponse: 0, CreateEmbeddingResponse: 0,
    TokenCountsResource: 0, ConversationResource: 0, ConversationItemList: 0, ConversationItem: 0,
    ErrorResponse: 0,
  }
  const wrong = []

  function judge(schema, text, streamed) {
    seen[schema]++
    let value
    try {
      value = JSON.parse(text)
    } catch {
      wrong.push(`${schema}: not JSON: ${text}`)
      return
    }
    if (schema === 'CreateEmbeddingResponse') value = withVectors(value)
    if (schema === 'CreateCompletionResponse' && streamed) value = ended(value)
    for (const fault of faults(schema, value)) wrong.push(`${fault} in ${text}`)
  }

  async function watched(url, options) {
    const answer = await fetch(url, options)
    const schema = options?.method === 'DELETE' ? undefined : schemaOf(new URL(url).pathname, answer)
    if (!schema || !answer.body) return answer
    const streamed = answer.headers.get('content-type').startsWith('text/event-stream')
    const passed = answer.body.pipeThrough(reader(schema, streamed, judge))
    return new Response(passed, { status: answer.status, headers: answer.headers })
  }
  return { fetch: watched, seen, wrong }
}

// withVectors is an answer whose vectors are numbers: OpenAI's description knows
// no base64, though its API and its clients do.
function withVectors(answer) {
  const data = answer.data?.map((item) => {
    if (typeof item.embedding !== 'string') return item
    const bytes = Buffer.from(item.embedding, 'base64')
    if (bytes.length === 0 || bytes.length % 4 !== 0) return item // no floats, and no numbers either
    return { ...item, embedding: Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i)) }
  })
  return { ...answer, data }
}

// ended is an event of a text completion with a reason for its end, which all but the last
// have as null: the description has one schema for events and plain answers.
function ended(chunk) {
  return { ...chunk, choices: chunk.choices?.map((c) => ({ ...c, finish_reason: c.finish_reason ?? 'stop' })) }
}

// flat are the states whose answers are told in the documented API without an object named
// error; what a provider said passes as it came, and no provider here says just JSON.
const flat = [401, 413]
const typed = /^\/v1\/(chat\/completions|completions|embeddings|responses|conversations)(\/|$)/

function schemaOf(path, answer) {
  if (answer.status >= 400 && !flat.includes(answer.status) && typed.test(path) && answer.headers.get('content-type') === 'application/json') return 'ErrorResponse'
  if (answer.status !== 200) return undefined
  if (path === '/v1/models') return 'ListModelsResponse'
  if (path.startsWith('/v1/models/')) return 'Model'
  const streamed = answer.headers.get('content-type').startsWith('text/event-stream')
  if (path.endsWith('/input_tokens')) return 'TokenCountsResource'
  if (path.startsWith('/v1/conversations')) {
    if (path.includes('/items/')) return 'ConversationItem'
    return path.endsWith('/items') ? 'ConversationItemList' : 'ConversationResource'
  }
  if (path.endsWith('/input_items')) return 'ResponseItemList'
  if (path.startsWith('/v1/responses')) return streamed ? 'ResponseStreamEvent' : 'Response'
  if (path === '/v1/embeddings') return 'CreateEmbeddingResponse'
  if (path === '/v1/completions') return 'CreateCompletionResponse' // and each event of its stream
  if (path !== '/v1/chat/completions') return undefined
  return streamed ? 'CreateChatCompletionStreamResponse' : 'CreateChatCompletionResponse'
}

// reader lets bytes pass and gives judge what they say: each event of a stream,
// in the chat's each unnamed one, as soon as it is there, for a client may leave before the end.
function reader(schema, streamed, judge) {
  const decoder = new TextDecoder()
  let text = ''
  return new TransformStream({
    transform(bytes, controller) {
      text += decoder.decode(bytes, { stream: true })
      if (streamed) {
        const events = text.split('\n\n')
        text = events.pop()
        for (const event of events) {
          const data = dataOf(event, schema)
          if (data) judge(schema, data, streamed)
          else if (event.startsWith(failed)) judge('ErrorResponse', event.slice(failed.length), false)
        }
      }
      controller.enqueue(bytes)
    },
    flush() {
      if (!streamed) judge(schema, text, streamed)
    },
  })
}

// failed begins the event that ends a stream of the chat, and of text completions, with an error.
const failed = 'event: error\ndata: '

// dataOf is what is to be judged of an event.
function dataOf(event, schema) {
  if (schema === 'ResponseStreamEvent') return event.replace(/^event: .*\ndata: /, '')
  return event.startsWith('data: ') && event !== 'data: [DONE]' ? event.slice('data: '.length) : undefined
}
