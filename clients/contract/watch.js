// Looks over the shoulder of a client: watch() gives a fetch that passes
// everything through and judges each answer by contract.js on its way.

import { faults } from './contract.js'

export function watch() {
  const seen = { CreateChatCompletionResponse: 0, CreateChatCompletionStreamResponse: 0, ListModelsResponse: 0, Model: 0 }
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
    const schema = schemaOf(new URL(url).pathname, answer)
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
  if (path !== '/v1/chat/completions') return undefined
  const streamed = answer.headers.get('content-type').startsWith('text/event-stream')
  return streamed ? 'CreateChatCompletionStreamResponse' : 'CreateChatCompletionResponse'
}

// reader lets bytes pass and gives judge what they say: each unnamed event of a
// stream as soon as it is there, for a client may leave before the end.
function reader(schema, judge) {
  const decoder = new TextDecoder()
  const streamed = schema === 'CreateChatCompletionStreamResponse'
  let text = ''
  return new TransformStream({
    transform(bytes, controller) {
      text += decoder.decode(bytes, { stream: true })
      if (streamed) {
        const events = text.split('\n\n')
        text = events.pop()
        events.filter(isChunk).forEach((event) => judge(schema, event.slice('data: '.length)))
      }
      controller.enqueue(bytes)
    },
    flush() {
      if (!streamed) judge(schema, text)
    },
  })
}

const isChunk = (event) => event.startsWith('data: ') && event !== 'data: [DONE]'
