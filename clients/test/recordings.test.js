// What clients get of the recorded streams of every kind of provider, judged by OpenAI's
// description. internal/provider/streams_test.go makes them. What passes as it came from
// a provider that speaks the client's dialect is not judged: not even OpenAI's own streams
// are what its description says (a usage of null).

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

// schemas tell what a stream is judged by. Of messages OpenAI says nothing.
const schemas = {
  chat: ({ kind }) => (['anthropic', 'bedrock', 'gemini', 'vertex'].includes(kind) ? 'CreateChatCompletionStreamResponse' : undefined),
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
        assert.deepEqual(faults(schemas[dialect](s), JSON.parse(event)), [], `${s.kind}, ${s.name}: ${event}`)
      }
    }
  })
}
