// What leaves otherwise than OpenAI's description has it. A row names who says it, to
// clients of which dialect, where, what is said there (absent: nothing), what the
// description means (absent: nothing), and why it stays. Answers of a provider of the
// client's own dialect pass as they came: most rows are habits of a provider.

import { isDeepStrictEqual } from 'node:util'

const absent = undefined
const anything = (said) => said !== absent

// ours are rows of what we say ourselves, or of what all say: they hold for every kind.
const ours = ['every kind']
// builds are kinds of each dialect whose answers are built for a client of Chat Completions.
const builds = ['anthropic', 'bedrock', 'gemini']

export const deviations = [
  row(ours, 'completions', 'choices.*.finish_reason', null, 'stop', 'one schema for events and plain answers: all events but the last have null'),
  row(ours, 'responses', 'store', anything, absent, 'OpenAI tells it'),
  row(ours, 'responses', 'response.store', anything, absent, 'OpenAI tells it'),
  row(ours, 'responses', 'response.error.reason', anything, absent, 'our own code, beside one that the description allows'),
  row(ours, 'responses', 'error', (e) => e?.code === 'stream_error', absent, 'the object of other surfaces, beside the members of the event'),

  row([...builds, 'vertex', 'deepseek', 'lmstudio', 'vllm', 'xai'], 'chat', 'choices.*.delta.reasoning_content', anything, absent, 'thinking'),
  row(builds, 'chat', 'choices.*.message.reasoning_content', anything, absent, 'thinking'),
  row(['anthropic', 'bedrock', 'openrouter'], 'chat', 'choices.*.delta.reasoning_details', anything, absent, 'thinking with its signature'),
  row(['anthropic', 'bedrock'], 'chat', 'choices.*.message.reasoning_details', anything, absent, 'thinking with its signature'),
  row(['gemini', 'gemini-openai'], 'chat', 'choices.*.delta.tool_calls.*.extra_content', anything, absent, 'the signature of a call'),
  row(['gemini', 'vertex'], 'chat', 'choices.*.message.tool_calls.*.extra_content', anything, absent, 'the signature of a call'),

  row(['openai', 'azure'], 'responses', 'user', null, absent, 'null where nobody is named'),
  row(['openai', 'azure'], 'responses', 'usage.input_tokens_details.cache_write_tokens', absent, 0, 'not told'),
  row(['openai', 'azure'], 'responses', 'response.user', null, absent, 'null where nobody is named'),
  row(['openai', 'azure'], 'responses', 'response.usage', null, absent, 'null before the end'),
  row(['openai', 'azure'], 'responses', 'response.usage.input_tokens_details.cache_write_tokens', absent, 0, 'not told'),
  row(['openai', 'azure'], 'responses', 'name', (name, event) => name === absent && event.type === 'response.function_call_arguments.done', 'f', 'not told again'),
  row(['openai', 'azure'], 'responses', 'obfuscation', anything, absent, 'random bytes, so that the length of an event tells nothing'),

  row(['azure', 'deepseek', 'gemini-openai', 'groq', 'lmstudio', 'mistral', 'ollama', 'openai', 'openrouter', 'together', 'vllm', 'xai'], 'chat', 'choices.*.message.refusal', absent, null, 'left out'),

  row(['azure'], 'chat', 'object', '', 'chat.completion.chunk', 'the first chunk is about the prompt'),
  row(['azure'], 'chat', 'prompt_filter_results', anything, absent, 'what the filter found in the prompt'),
  row(['azure'], 'chat', 'choices.*.content_filter_results', anything, absent, 'what the filter found in the answer'),
  row(['deepseek'], 'chat', 'usage.prompt_cache_hit_tokens', anything, absent, 'its count of the cache'),
  row(['deepseek'], 'chat', 'usage.prompt_cache_miss_tokens', anything, absent, 'its count of the cache'),
  row(['gemini-openai'], 'chat', 'choices.*.delta.extra_content', anything, absent, 'that it is thinking'),
  row(['groq'], 'chat', 'x_groq', anything, absent, 'its id of the request, and in streams the usage'),
  row(['groq'], 'chat', 'service_tier', 'on_demand', 'default', 'tiers of its own'),
  ...['queue_time', 'prompt_time', 'completion_time', 'total_time'].map((name) => row(['groq'], 'chat', `usage.${name}`, anything, absent, 'times')),
  row(['mistral'], 'chat', 'choices.*.message.content', Array.isArray, '', 'thinking as a list of contents'),
  row(['mistral'], 'chat', 'choices.*.delta.content', Array.isArray, '', 'thinking as a list of contents'),
  row(['groq', 'ollama', 'openrouter', 'together'], 'chat', 'choices.*.delta.reasoning', anything, absent, 'thinking'),
  row(['openrouter'], 'chat', 'provider', anything, absent, 'who has answered'),
  row(['openrouter'], 'chat', 'choices.*.native_finish_reason', anything, absent, 'the word of who has answered'),
  row(['together'], 'chat', 'choices.*.delta.token_id', anything, absent, 'of the last token'),
  row(['together'], 'chat', 'choices.*.seed', anything, absent, 'of the sampling'),
  row(['together'], 'chat', 'choices.*.text', anything, absent, 'the text as text completions have it'),
  row(['vllm'], 'chat', 'choices.*.stop_reason', anything, absent, 'which stop sequence it was'),
  row(['vllm'], 'chat', 'choices.*.token_ids', anything, absent, 'where they are asked for'),
  row(['xai'], 'chat', 'usage.num_sources_used', anything, absent, 'of its search'),
  row(['vllm'], 'chat', 'usage.prompt_tokens_details', null, absent, 'null where there are none'),
]

// row makes a row. What is said may be a function, of that member and the object that has it.
function row(kinds, dialect, at, said, meant, why) {
  return { kinds, dialect, at, said, meant, why, needed: new Set() }
}

const isOurs = (d) => d.kinds === ours

// judge returns what is wrong with a value that a kind of provider says to clients of a
// dialect, by faultsOf, but for what is known. It notes for whom a row is needed.
export function judge(faultsOf, kind, dialect, value) {
  const known = deviations.filter((d) => d.dialect === dialect && (isOurs(d) || d.kinds.includes(kind)))
  for (const d of known) {
    const who = isOurs(d) ? ours[0] : kind
    if (!d.needed.has(who) && said(value, d) && faultsOf(meant(value, known.filter((other) => other !== d))).length > 0) d.needed.add(who)
  }
  return faultsOf(meant(value, known))
}

// unneeded are the rows that nobody says any more, with whom they name in vain.
export const unneeded = () => deviations.flatMap((d) => d.kinds.filter((kind) => !d.needed.has(kind)).map((kind) => `${kind}, ${d.dialect}: ${d.at}`))

const said = (value, d) => holders(value, d).length > 0

// meant is a copy of the value as the description has it.
function meant(value, known) {
  const copy = structuredClone(value)
  for (const d of known) {
    const name = d.at.split('.').at(-1)
    for (const holder of holders(copy, d)) {
      if (d.meant === absent) delete holder[name]
      else holder[name] = d.meant
    }
  }
  return copy
}

// holders are the objects in whose member that is said.
function holders(value, { at, said }) {
  const path = at.split('.')
  const name = path.pop()
  const reached = path.reduce((all, step) => all.flatMap((v) => (step === '*' ? (Array.isArray(v) ? v : []) : [v?.[step]])), [value])
  const is = typeof said === 'function' ? said : (told) => isDeepStrictEqual(told, said)
  return reached.filter((v) => v !== null && typeof v === 'object' && !Array.isArray(v) && is(v[name], v))
}
