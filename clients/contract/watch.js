// Looks over the shoulder of a client: watch() gives a fetch that passes
// everything through and judges each answer by contract.js on its way.

import { faults } from './contract.js'

export function watch() {
  const seen = {
    CreateChatCompletionResponse: 0, CreateChatCompletionStreamResponse: 0, ListModelsResponse: 0, Model: 0,
    Response: 0, ResponseStreamEvent: 0, ResponseItemList: 0,
    TokenCountsResource: 0, ConversationResource: 0, ConversationItemList: 0, ConversationItem: 0,
  }
  const wrong = []

  function judge(schema, text) {
    seen[schema]++
    let value
    try {
      value = JSON.parse(text)
    } catch {
      wrong.push(`${schema}: not JSON: ${text}`)
      return
    }
    for (const fault of faults(schema, value)) wrong.push(`${fault} in ${text}`)
  }

  async function watched(url, options) {
    const answer = await fetch(url, options)
    const schema = options?.method === 'DELETE' ? undefined : schemaOf(new URL(url).pathname, answer)
    if (!schema || !answer.body) return answer
    const passed = answer.body.pipeThrough(reader(schema, judge))
    return new Response(passed, { status: answer.status, headers: answer.headers })
  }
  return { fetch: watched, seen, wrong }
}

function schemaOf(path, answer) {
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
  if (path !== '/v1/chat/completions') return undefined
  return streamed ? 'CreateChatCompletionStreamResponse' : 'CreateChatCompletionResponse'
}

// reader lets bytes pass and gives judge what they say: each event of a stream,
// in the chat's each unnamed one, as soon as it is there, for a client may leave before the end.
function reader(schema, judge) {
  const decoder = new TextDecoder()
  const streamed = schema === 'CreateChatCompletionStreamResponse' || schema === 'ResponseStreamEvent'
  let text = ''
  return new TransformStream({
    transform(bytes, controller) {
      text += decoder.decode(bytes, { stream: true })
      if (streamed) {
        const events = text.split('\n\n')
        text = events.pop()
        for (const event of events) {
          const data = dataOf(event, schema)
          if (data) judge(schema, data)
        }
      }
      controller.enqueue(bytes)
    },
    flush() {
      if (!streamed) judge(schema, text)
    },
  })
}

// dataOf is what is to be judged of an event.
function dataOf(event, schema) {
  if (schema === 'ResponseStreamEvent') return event.replace(/^event: .*\ndata: /, '')
  return event.startsWith('data: ') && event !== 'data: [DONE]' ? event.slice('data: '.length) : undefined
}
