// What clients get of the recorded streams of every kind of provider, judged by OpenAI's
// description. internal/provider/streams_test.go makes them. What a provider says in the
// client's dialect passes as it came, and is judged as far as providers keep to the
// description.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { faults } from '../contract/contract.js'

const folder = await mkdtemp(join(tmpdir(), 'sallyport-streams-'))
after(() => rm(folder, { recursive: true }))
const file = join(folder, 'streams')
await promisify(execFile)('go', ['test', './internal/provider', '-run', 'TestStreams', '-count', '1', '-streams', file], {
  cwd: fileURLToPath(new URL('../..', import.meta.url)),
})
const streams = (await readFile(file, 'utf8')).trim().split('\n').map((line) => JSON.parse(line))

// others are providers of chat completions that go beyond the description.
const others = {
  azure: 'a first chunk without an object',
  groq: 'a service_tier of its own',
  mistral: 'thinking as a list of contents',
  vllm: 'details of usage that are null',
}

// schemas tell what a stream is judged by. Of messages OpenAI says nothing; OpenAI's own
// events of responses leave out what its description demands, and clients do not miss.
const schemas = {
  chat: ({ kind }) => (kind in others ? undefined : 'CreateChatCompletionStreamResponse'),
  responses: ({ name }) => (name.startsWith('responses-') ? undefined : 'ResponseStreamEvent'),
}

// events are what is to be judged of a stream: in that of chat errors have a name.
function events({ dialect, stream }) {
  const frames = stream.split('\n\n').filter((frame) => frame && frame !== 'data: [DONE]')
  if (dialect === 'chat') return frames.filter((frame) => frame.startsWith('data: ')).map((frame) => frame.slice('data: '.length))
  return frames.map((frame) => frame.replace(/^event: .*\ndata: /, ''))
}

for (const dialect of Object.keys(schemas)) {
  const judged = streams.filter((s) => s.dialect === dialect && schemas[dialect](s))
  test(`${dialect}: ${judged.length} streams`, () => {
    assert.ok(judged.length > 0)
    for (const s of judged) {
      for (const event of events(s)) {
        const told = JSON.parse(event)
        if (told.usage === null) delete told.usage // so says OpenAI of all chunks but the last
        assert.deepEqual(faults(schemas[dialect](s), told), [], `${s.kind}, ${s.name}: ${event}`)
      }
    }
  })
}
