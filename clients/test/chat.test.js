// Official OpenAI clients and what they do on a good day.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { chat, gather, lines, setStage } from '../stage.js'

const stage = await setStage()
const { upstream } = stage

for (const line of lines) {
  describe(`openai ${line.version}`, { timeout: 60_000 }, () => {
    const client = stage.client(line)
    const completions = client.chat.completions

    test('plain', async () => {
      const answer = await completions.create(chat('mock-echo', 'Good morning.'))
      assert.equal(answer.choices[0].message.content, 'Good morning.')
      assert.equal(answer.choices[0].finish_reason, 'stop')
      assert.equal(answer.object, 'chat.completion')
      assert.deepEqual(answer.usage, { prompt_tokens: 21, completion_tokens: 9, total_tokens: 30 })
      assert.equal(upstream.last().headers.authorization, 'Bearer key-of-the-provider')
      assert.deepEqual(upstream.last().body, chat('echo', 'Good morning.'))
    })

    test('what the client adds reaches the provider, but for metadata', async () => {
      const more = { temperature: 0.3, seed: 7, stop: ['END'], user: 'u-1', response_format: { type: 'json_object' } }
      await completions.create(chat('mock-echo', 'Hello.', { ...more, metadata: { team: 'blue' } }))
      assert.deepEqual(upstream.last().body, chat('echo', 'Hello.', more))
    })

    test('stream', async () => {
      const { chunks, text } = await gather(await completions.create(chat('mock-echo', 'Smør, 東京 and 🦊.', { stream: true })))
      assert.equal(text, 'Smør, 東京 and 🦊.')
      assert.deepEqual(chunks[0].choices[0].delta, { role: 'assistant', content: '' })
      assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop')
      assert.equal(new Set(chunks.map((c) => c.id)).size, 1)
    })

    test('stream without usage, unless it was asked for', async () => {
      const { chunks } = await gather(await completions.create(chat('mock-echo', 'Hi.', { stream: true })))
      assert.ok(chunks.every((c) => !c.usage && c.choices.length === 1))
      // We ask for it ourselves, for what is charged is to be a fact.
      assert.equal(upstream.last().body.stream_options.include_usage, true)
    })

    test('stream with usage', async () => {
      const asked = chat('mock-echo', 'Hi.', { stream: true, stream_options: { include_usage: true } })
      const { chunks } = await gather(await completions.create(asked))
      assert.deepEqual(chunks.at(-1).usage, { prompt_tokens: 21, completion_tokens: 9, total_tokens: 30 })
      assert.deepEqual(chunks.at(-1).choices, [])
      assert.ok(chunks.slice(0, -1).every((c) => !c.usage))
    })

    test('stream helper', async () => {
      const pieces = []
      const stream = completions.stream(chat('mock-echo', 'Piece by piece.', { stream_options: { include_usage: true } }))
      stream.on('content', (piece) => pieces.push(piece))
      const message = await stream.finalMessage()
      assert.equal(message.content, 'Piece by piece.')
      assert.equal(pieces.join(''), 'Piece by piece.')
      assert.equal((await stream.totalUsage()).total_tokens, 30)
    })

    test('a client that leaves ends the call of the provider', async () => {
      const stream = await completions.create(chat('mock-endless', 'Go on.', { stream: true }))
      for await (const chunk of stream) {
        if (chunk.choices[0].delta.content) stream.controller.abort()
      }
      assert.equal(await upstream.last().left, true)
    })

    test('a provider of another API, plain and streamed', async () => {
      const answer = await completions.create(chat('mock-claude', 'Good evening.'))
      assert.equal(answer.choices[0].message.content, 'Good evening.')
      assert.equal(upstream.last().path, '/v1/messages')
      const asked = chat('mock-claude', 'Good night.', { stream: true, stream_options: { include_usage: true } })
      const { chunks, text } = await gather(await completions.create(asked))
      assert.equal(text, 'Good night.')
      assert.equal(chunks.at(-1).usage.total_tokens, 30)
    })

    test('the offline model, plain and streamed', async () => {
      const answer = await completions.create(chat('offline-1', 'Anybody there?'))
      assert.match(answer.choices[0].message.content, /offline model.*You said: Anybody there\?/)
      const { text } = await gather(await completions.create(chat('offline-1', 'Anybody there?', { stream: true })))
      assert.equal(text, answer.choices[0].message.content)
    })

    test('models.list', async () => {
      const listed = []
      for await (const model of client.models.list()) listed.push(model)
      const echo = listed.find((m) => m.id === 'mock-echo')
      assert.deepEqual(echo, { id: 'mock-echo', object: 'model', created: 0, owned_by: 'kindo', display_name: 'mock-echo' })
      assert.ok(listed.some((m) => m.id === 'claude-sonnet-4-5-20250929'))
      assert.deepEqual(listed.map((m) => m.id), listed.map((m) => m.id).sort())
    })

    test('models.list with agents, and models.retrieve of both', async () => {
      const { data } = await client.models.list({ query: { include_agents: true } })
      const agent = data.find((m) => m.id.startsWith('agent/'))
      assert.ok(agent.created > 1_700_000_000)
      assert.deepEqual(await client.models.retrieve(agent.id), agent)
      assert.equal((await client.models.retrieve('mock-echo')).id, 'mock-echo')
    })
  })
}

test('what the clients were answered is as OpenAI describes it', () => {
  assert.deepEqual(stage.watcher.wrong, [])
  for (const schema of ['CreateChatCompletionResponse', 'CreateChatCompletionStreamResponse', 'ListModelsResponse', 'Model']) {
    assert.ok(stage.watcher.seen[schema] > 0, `no ${schema} was seen`)
  }
})

test('what the provider was sent is as OpenAI describes it', () => {
  assert.deepEqual(stage.sentFaults(), [])
})
