// Agents as models with the official client of OpenAI: polled, streamed and
// cancelled, each answer judged by the contract.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { lines, setStage } from '../stage.js'

const stage = await setStage()

// importAgent returns the agent as a model.
async function importAgent(target) {
  const definition = {
    displayName: 'Echo', description: '', systemPrompt: '', model: `mock-${target}`, inputs: [],
    steps: [{ name: 'one', llmStep: { prompt: 'Please:' } }],
  }
  const answer = await fetch(`${stage.url}/api/v1/agents`, {
    method: 'POST', headers: { 'x-api-key': stage.key, 'content-type': 'application/json' }, body: JSON.stringify(definition),
  })
  assert.equal(answer.status, 200, await answer.clone().text())
  return `agent/${(await answer.json()).agent_id}`
}

const echo = await importAgent('echo')
const hanging = await importAgent('claude-silent')

for (const line of lines) {
  const client = stage.client(line)
  const name = (what) => `openai ${line.version}: ${what}`

  test(name('an agent is polled'), async () => {
    let answer = await client.responses.create({ model: echo, input: 'Hello', metadata: { a: 'b' }, background: true })
    assert.match(answer.id, /^resp_run_/)
    assert.equal(answer.status, 'in_progress')
    while (answer.status === 'in_progress') {
      await sleep(50)
      answer = await client.responses.retrieve(answer.id)
    }
    assert.equal(answer.status, 'completed')
    assert.equal(answer.output_text, 'Please:\n\nHello')
    assert.deepEqual(answer.metadata, { a: 'b' })
    assert.ok(answer.usage.total_tokens > 0)
    const items = await client.responses.inputItems.list(answer.id)
    assert.equal(items.data[0].content[0].text, 'Hello')
  })

  test(name('an agent is streamed, and read again as a stream'), async () => {
    const events = []
    for await (const event of await client.responses.create({ model: echo, input: 'Hello', stream: true })) events.push(event)
    assert.equal(events.filter((e) => e.type === 'response.output_text.delta').map((e) => e.delta).join(''), 'Please:\n\nHello')
    assert.deepEqual(events.map((e) => e.sequence_number), events.map((_, i) => i))
    const { response } = events.at(-1)
    assert.equal(response.status, 'completed')
    const again = []
    for await (const event of await client.responses.retrieve(response.id, { stream: true })) again.push(event)
    assert.deepEqual(again.at(-1).response.output, response.output)
    const helped = await client.responses.stream({ model: echo, input: 'Hello' }).finalResponse()
    assert.equal(helped.output_text, 'Please:\n\nHello')
  })

  test(name('an agent is cancelled, twice'), async () => {
    const begun = await client.responses.create({ model: hanging, input: 'Hello' })
    for (let i = 0; i < 2; i++) {
      assert.equal((await client.responses.cancel(begun.id)).status, 'cancelled')
    }
    assert.equal((await client.responses.retrieve(begun.id)).status, 'cancelled')
  })

  test(name('what no agent does is refused'), async () => {
    await assert.rejects(client.responses.create({ model: echo, input: 'Hello', temperature: 1 }), { status: 400, code: 'unsupported_parameter' })
    await assert.rejects(client.responses.create({ model: `${echo}@1`, input: 'Hello' }), { status: 400, code: 'agent_version_pinning_unsupported' })
    await assert.rejects(client.responses.create({ model: 'agent/none', input: 'Hello' }), { status: 400, code: 'model_not_found' })
    await assert.rejects(client.chat.completions.create({ model: echo, messages: [{ role: 'user', content: 'Hello' }] }), { status: 400, code: 'model_not_found' })
  })
}

test('what the clients were answered is as OpenAI describes it', () => {
  assert.deepEqual(stage.watcher.wrong, [])
})
