// What clients get of every kind of provider, plain and streamed, as the recordings have
// it, judged by OpenAI's description. internal/provider/answers_test.go makes it, and
// judges the order of events. What a provider says in the client's dialect passes as it
// came: contract/deviations.js tells where that is not as described.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { eventSchema, strangers } from '../contract/contract.js'
import { judge, unneeded } from '../contract/deviations.js'

const folder = await mkdtemp(join(tmpdir(), 'sallyport-answers-'))
after(() => rm(folder, { recursive: true }))
const file = join(folder, 'answers')
await promisify(execFile)('go', ['test', './internal/provider', '-run', 'TestAnswers$', '-count', '1', '-answers', file], {
  cwd: fileURLToPath(new URL('../..', import.meta.url)),
})
const answers = (await readFile(file, 'utf8')).trim().split('\n').map((line) => JSON.parse(line))

// schemas name what a value is judged by. Of messages OpenAI says nothing.
const schemas = {
  chat: { plain: () => 'CreateChatCompletionResponse', stream: ({ error }) => (error ? 'ErrorResponse' : 'CreateChatCompletionStreamResponse') },
  completions: { plain: () => 'CreateCompletionResponse', stream: ({ error }) => (error ? 'ErrorResponse' : 'CreateCompletionResponse') },
  responses: { plain: () => 'Response', stream: ({ type }) => eventSchema(type) },
  messages: undefined,
}

// values are what is to be judged of an answer.
function values({ form, answer }) {
  if (form === 'plain') return [JSON.parse(answer)]
  const frames = answer.split('\n\n').filter((frame) => frame && frame !== 'data: [DONE]')
  return frames.map((frame) => JSON.parse(frame.replace(/^event: .*\n/, '').replace(/^data: /, '')))
}

test('every answer is of a dialect that is judged, or told to be none of OpenAI', () => {
  assert.deepEqual([...new Set(answers.map((a) => a.dialect))].sort(), Object.keys(schemas).sort())
})

for (const kind of [...new Set(answers.map((a) => a.kind))].sort()) {
  for (const dialect of Object.keys(schemas).filter((name) => schemas[name])) {
    for (const form of ['plain', 'stream']) {
      const judged = answers.filter((a) => a.kind === kind && a.dialect === dialect && a.form === form)
      test(`${kind} to ${dialect}, ${form}: ${judged.length} answers`, () => {
        assert.ok(judged.length > 0)
        for (const a of judged) {
          for (const value of values(a)) {
            const by = (told) => strangers(schemas[dialect][form](told), told)
            assert.deepEqual(judge(by, kind, dialect, value), [], `${a.name}: ${JSON.stringify(value)}`)
          }
        }
      })
    }
  }
}

test('there is no deviation that nobody needs', () => assert.deepEqual(unneeded(), []))
