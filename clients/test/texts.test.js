// The official client on embeddings and on text completions.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { lines, setStage } from '../stage.js'
import { vector } from '../upstream.js'

const stage = await setStage()
const { upstream } = stage
const email = 'ada.lovelace@example.com'

for (const line of lines) {
  describe(`openai ${line.version}`, { timeout: 60_000 }, () => {
    const client = stage.client(line)

    describe('embeddings', () => {
      const embed = (input, more) => client.embeddings.create({ model: 'mock-embedding', input, ...more })

      // Left to itself the client asks for base64 and hands out numbers.
      for (const [encoding_format, sent] of [[undefined, 'base64'], ['float', 'float']]) {
        test(`of two texts, as ${encoding_format ?? 'the client likes it'}`, async () => {
          const answer = await embed(['Smør', 'and 🦊'], { encoding_format })
          assert.deepEqual(answer.data.map((d) => d.embedding), [vector('Smør'), vector('and 🦊')])
          assert.deepEqual(answer.data.map((d) => d.index), [0, 1])
          assert.equal(answer.usage.prompt_tokens, 21)
          assert.deepEqual(upstream.last().body, { model: 'embedding', input: ['Smør', 'and 🦊'], encoding_format: sent })
        })
      }

      test('base64 by name comes as it is', async () => {
        const answer = await embed('Smør', { encoding_format: 'base64' })
        assert.equal(answer.data[0].embedding, Buffer.from(new Float32Array(vector('Smør')).buffer).toString('base64'))
      })

      for (const encoding_format of ['float', undefined]) {
        test(`dimensions, ${encoding_format ?? 'base64'}`, async () => {
          const answer = await embed('Smør', { encoding_format, dimensions: 7, user: 'u-1' })
          assert.deepEqual(answer.data[0].embedding, vector('Smør', 7))
          assert.deepEqual([upstream.last().body.dimensions, upstream.last().body.user], [7, 'u-1'])
        })
      }

      test('personal data stays here', async () => {
        await embed([`Mail ${email}`])
        assert.ok(!upstream.last().raw.includes('lovelace'), upstream.last().raw)
      })

      test('what is refused', async () => {
        const before = upstream.calls.length
        await assert.rejects(embed([]), { status: 400, type: 'invalid_request_error' })
        await assert.rejects(embed('x', { dimensions: 0 }), { status: 400 })
        await assert.rejects(embed('x', { model: 'claude-embedding' }), { status: 400, code: 'unsupported_parameter' })
        await assert.rejects(embed('x', { model: 'mock-none' }), { status: 400, code: 'model_not_found' })
        assert.equal(upstream.calls.length, before)
      })
    })

    // A chat model answers, of whatever dialect.
    for (const [model, usage] of [['mock-echo', [21, 9]], ['chat-echo', [21, 9]], ['mock-claude', [21, 9]]]) {
      describe(`completions, ${model}`, () => {
        const complete = (more) => client.completions.create({ model, prompt: `Mail ${email}, 🦊`, ...more })

        test('plain', async () => {
          const answer = await complete({ max_tokens: 50, stop: ['END'] })
          assert.deepEqual(answer.choices, [{ text: `Mail ${email}, 🦊`, index: 0, logprobs: null, finish_reason: 'stop' }])
          assert.deepEqual([answer.object, answer.model], ['text_completion', model])
          assert.deepEqual([answer.usage.prompt_tokens, answer.usage.completion_tokens], usage)
          const { raw, body } = upstream.last()
          assert.ok(!raw.includes('lovelace'), raw)
          assert.equal(body.messages.length, 1)
          assert.deepEqual(body.stop ?? body.stop_sequences, ['END'])
        })

        for (const include_usage of [false, true]) {
          test(`streamed, usage ${include_usage ? 'asked for' : 'not asked for'}`, async () => {
            const chunks = []
            for await (const chunk of await complete({ stream: true, stream_options: { include_usage } })) chunks.push(chunk)
            assert.equal(chunks.map((c) => c.choices[0]?.text ?? '').join(''), `Mail ${email}, 🦊`)
            assert.deepEqual(chunks.map((c) => c.choices[0]?.finish_reason).filter(Boolean), ['stop'])
            assert.deepEqual(chunks.filter((c) => c.usage).map((c) => [c.usage.prompt_tokens, c.usage.completion_tokens]), include_usage ? [usage] : [])
          })
        }

        test('what no chat model can do', async () => {
          const before = upstream.calls.length
          for (const more of [{ suffix: 'end' }, { echo: true }, { logprobs: 2 }, { prompt: ['a', 'b'] }]) {
            await assert.rejects(complete(more), { status: 400, code: 'unsupported_parameter' }, JSON.stringify(more))
          }
          assert.equal(upstream.calls.length, before)
        })
      })
    }

    test('a stream that breaks', async () => {
      await assert.rejects(async () => {
        for await (const _ of await client.completions.create({ model: 'mock-cut', prompt: 'x', stream: true })) { /* until it breaks */ }
      }, (error) => error instanceof line.APIError)
    })
  })
}

test('every answer was right, and what the provider was sent', () => {
  assert.deepEqual(stage.watcher.wrong, [])
  assert.ok(stage.watcher.seen.CreateEmbeddingResponse > 8 && stage.watcher.seen.CreateCompletionResponse > 100, JSON.stringify(stage.watcher.seen))
  assert.deepEqual(stage.sentFaults(), [])
})
