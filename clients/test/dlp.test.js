// Data loss prevention: the provider sees placeholders, the client its own values.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { chat, gather, lines, setStage } from '../stage.js'

const stage = await setStage()
const email = 'ada.lovelace@example.com'
const prompt = `Write to ${email}, and to nobody but ${email}, today.`
const placeholders = (text) => text.match(/⟦[^⟦⟧]+⟧/g) ?? []

const policy = { mode: 'enforce', in: { '*': 'tokenize' }, out: { secret: 'redact', '*': 'keep' }, unreadable: 'block' }

async function setPolicy(policy) {
  const answer = await fetch(`${stage.url}/api/v1/dlp/policy`, {
    method: 'PUT', body: JSON.stringify(policy), headers: { authorization: `Bearer ${stage.key}`, 'content-type': 'application/json' },
  })
  assert.ok(answer.ok, await answer.text())
}

// sentPrompt is the text that reached the provider, once it is sure that the
// address did not, whatever it was sent in.
function sentPrompt() {
  const { raw, body } = stage.upstream.last()
  assert.ok(!raw.includes('example.com') && !raw.includes('lovelace'), `the provider saw the address: ${raw}`)
  const { content } = body.messages[0]
  return typeof content === 'string' ? content : content[0].text
}

for (const line of lines) {
  describe(`openai ${line.version}`, { timeout: 60_000 }, () => {
    const completions = stage.client(line).chat.completions

    for (const model of ['mock-echo', 'mock-claude']) {
      test(`${model}, plain`, async () => {
        const answer = await completions.create(chat(model, prompt))
        assert.equal(answer.choices[0].message.content, prompt)
        const [first, second, ...others] = placeholders(sentPrompt())
        assert.equal(first, second) // equal values stay equal
        assert.deepEqual(others, [])
        assert.equal(sentPrompt().replaceAll(first, email), prompt)
      })

      test(`${model}, streamed a character at a time`, async () => {
        const { chunks, text } = await gather(await completions.create(chat(model, prompt, { stream: true })))
        assert.equal(text, prompt)
        assert.equal(placeholders(sentPrompt()).length, 2)
        assert.ok(chunks.length > 10) // what is not held back goes out at once
      })
    }

    test('in the parts of a message', async () => {
      const parts = [{ type: 'text', text: prompt }]
      assert.equal((await completions.create(chat('mock-echo', parts))).choices[0].message.content, prompt)
      assert.equal(placeholders(sentPrompt()).length, 2)
    })

    // Where a tool sends its arguments nobody knows, so only tools that were
    // named as trusted get the values.
    for (const [whose, trusted_tools, note] of [
      ['a tool', [], prompt.replaceAll(email, '⟦…⟧')],
      ['a trusted tool', ['weather'], prompt],
    ]) {
      for (const stream of [false, true]) {
        test(`in the arguments of ${whose}, ${stream ? 'streamed' : 'plain'}`, async () => {
          await setPolicy({ ...policy, trusted_tools })
          const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } }]
          const asked = chat('mock-tools', prompt, { tools })
          const message = stream ? await completions.stream(asked).finalMessage() : (await completions.create(asked)).choices[0].message
          const notes = message.tool_calls.map((call) => JSON.parse(call.function.arguments).note)
          assert.deepEqual(notes.map((n) => n.replace(/⟦[^⟦⟧]+⟧/g, '⟦…⟧')), [note, note])
          assert.equal(placeholders(sentPrompt()).length, 2)
        })
      }
    }
  })
}

test('what the clients were answered is as OpenAI describes it', () => {
  assert.deepEqual(stage.watcher.wrong, [])
  assert.ok(stage.watcher.seen.CreateChatCompletionResponse > 0 && stage.watcher.seen.CreateChatCompletionStreamResponse > 0)
})

test('what the provider was sent is as OpenAI describes it', () => {
  assert.deepEqual(stage.sentFaults(), [])
})
