// The scripted provider's side that speaks OpenAI's Responses. How it behaves is
// told by the model that is asked, as in upstream.js.

const created_at = 1767225600
const usage = {
  input_tokens: 21, input_tokens_details: { cached_tokens: 4, cache_write_tokens: 0 },
  output_tokens: 9, output_tokens_details: { reasoning_tokens: 2 }, total_tokens: 30,
}

// respond answers a request as the behaviour of its model says; refuse does so
// where the model's behaviour is to refuse.
export function respond(asked, res, refuse) {
  const say = { echo: echoItems, tools: toolItems, cut: echoItems }[asked.model]
  if (!say) return refuse()
  answer(asked, res, say(asked), asked.model === 'cut')
}

// answer says the items of output, streamed or not; cut, it breaks off in the first text.
export function answer(asked, res, output, cut = false) {
  const response = {
    id: 'resp_scripted', object: 'response', created_at, model: `scripted-${asked.model}`, status: 'in_progress',
    error: null, incomplete_details: null, instructions: asked.instructions ?? null, metadata: asked.metadata ?? {},
    tools: (asked.tools ?? []).map(withStrict), tool_choice: 'auto', parallel_tool_calls: true, temperature: 1, top_p: 1, output: [],
  }
  const last = { ...response, status: 'completed', output, usage }
  if (!asked.stream) return res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(last))
  stream(res, response, last, cut)
}

// What a request leaves open, the answer tells.
const withStrict = (tool) => (tool.type === 'function' ? { ...tool, strict: tool.strict ?? true } : tool)

const textOf = (content) => (typeof content === 'string' ? content : content.map((part) => part.text ?? '').join(''))

function lastText(asked) {
  if (typeof asked.input === 'string') return asked.input
  return textOf(asked.input.findLast((item) => item.role === 'user').content)
}

export const message = (text) => ({
  id: 'msg_scripted', type: 'message', role: 'assistant', status: 'completed',
  content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
})

const echoItems = (asked) => [
  { id: 'rs_scripted', type: 'reasoning', summary: [{ type: 'summary_text', text: 'To say it again.' }], encrypted_content: 'c2VhbGVk' },
  message(lastText(asked)),
]

// Calls two tools at once; then says what they answered.
function toolItems(asked) {
  const results = Array.isArray(asked.input) ? asked.input.filter((item) => item.type === 'function_call_output') : []
  if (results.length) return [message(results.map((item) => item.output).join('; '))]
  return ['Oslo', 'Bergen'].map((city, i) => ({
    id: `fc_${i}`, type: 'function_call', status: 'completed', call_id: `call_${i}`, name: 'weather',
    arguments: JSON.stringify({ city, note: lastText(asked) }),
  }))
}

// stream tells the items as OpenAI does, one character at a time.
function stream(res, response, last, cut) {
  res.writeHead(200, { 'content-type': 'text/event-stream' })
  let sequence_number = 0
  const send = (type, fields) => res.write(`event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence_number++, ...fields })}\n\n`)
  send('response.created', { response })
  send('response.in_progress', { response })
  last.output.forEach((item, output_index) => {
    const at = { item_id: item.id, output_index }
    send('response.output_item.added', { output_index, item: begun(item) })
    if (item.type === 'function_call') {
      for (const delta of item.arguments) send('response.function_call_arguments.delta', { ...at, delta })
      send('response.function_call_arguments.done', { ...at, name: item.name, arguments: item.arguments })
    }
    item.summary?.forEach((part, summary_index) => {
      send('response.reasoning_summary_part.added', { ...at, summary_index, part: { ...part, text: '' } })
      for (const delta of part.text) send('response.reasoning_summary_text.delta', { ...at, summary_index, delta })
      send('response.reasoning_summary_text.done', { ...at, summary_index, text: part.text })
      send('response.reasoning_summary_part.done', { ...at, summary_index, part })
    })
    item.content?.forEach((part, content_index) => {
      send('response.content_part.added', { ...at, content_index, part: { ...part, text: '' } })
      for (const delta of part.text) send('response.output_text.delta', { ...at, content_index, delta, logprobs: [] })
      if (cut) return
      send('response.output_text.done', { ...at, content_index, text: part.text, logprobs: [] })
      send('response.content_part.done', { ...at, content_index, part })
    })
    if (!cut) send('response.output_item.done', { output_index, item })
  })
  if (cut) return res.destroy()
  send('response.completed', { response: last })
  res.end()
}

// begun is an item of which nothing has been said.
function begun(item) {
  const { content, summary, arguments: said, ...rest } = item
  return {
    ...rest, ...(item.status && { status: 'in_progress' }),
    ...(content && { content: [] }), ...(summary && { summary: [] }), ...(said !== undefined && { arguments: '' }),
  }
}
