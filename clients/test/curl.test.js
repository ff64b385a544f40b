// Plain curl against everything that the quickstart promises, and beside it.

import assert from 'node:assert/strict'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startFresh } from '../binary.js'
import { faults } from '../contract/contract.js'
import { curl, shell } from '../curl.js'
import { chat, setStage } from '../stage.js'

const stage = await setStage()
const { url, key } = stage

const bearer = ['-H', `Authorization: Bearer ${key}`]
const xApiKey = ['-H', `x-api-key: ${key}`]
const json = (body) => ['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)]
const get = async (path, ...args) => parsed(await curl(url + path, ...bearer, ...args))
const parsed = (answer) => ({ ...answer, body: JSON.parse(answer.body) })

// ended polls a run, each second, until it is over.
async function ended(at, header, runId) {
  for (;;) {
    const run = JSON.parse((await curl(`${at}/v1/runs/${runId}`, '-H', header)).body)
    if (run.status !== 'in_progress') return run
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
}

// chunks are those of a whole stream, each sound.
function chunks(body) {
  const events = body.split('\n\n')
  assert.equal(events.pop(), '')
  assert.equal(events.pop(), 'data: [DONE]')
  const all = events.map((event) => JSON.parse(event.replace(/^data: /, '')))
  for (const chunk of all) assert.deepEqual(faults('CreateChatCompletionStreamResponse', chunk), [])
  return all
}

const text = (chunks) => chunks.map((c) => c.choices[0].delta.content ?? '').join('')

const said = (run) => JSON.parse(run.result).parts.filter((p) => p.type === 'text').map((p) => p.text).join('')

describe('the quickstart, as the first start prints it', { timeout: 120_000 }, () => {
  let fresh, calls
  before(async () => {
    fresh = await startFresh()
    calls = fresh.greeting.split('\n\n').filter((block) => block.startsWith('curl '))
  })
  after(() => fresh?.stop())

  test('there are three calls', () => assert.equal(calls.length, 3))

  test('a completion, streamed', async () => {
    const answer = chunks(await shell(calls[0]))
    assert.match(answer[0].id, /^chatcmpl-/)
    assert.match(text(answer), /offline model/)
  })

  test('a run of an agent, to its end', async () => {
    const started = JSON.parse(await shell(calls[1]))
    assert.equal(started.status, 'in_progress')
    const run = await ended(fresh.url, calls[1].match(/x-api-key: [^"]+/)[0], started.runId)
    assert.equal(run.status, 'success')
    assert.equal(run.agentId, started.agentId)
    assert.match(said(run), /offline model[^]*Five failed logins/)
  })

  test('the models', async () => {
    const answer = JSON.parse(await shell(calls[2]))
    assert.ok(answer.data.some((m) => m.id === 'claude-sonnet-4-5-20250929' && m.created === 0 && m.owned_by === 'kindo'))
    assert.deepEqual(faults('ListModelsResponse', answer), [])
  })
})

describe('chat completions', { timeout: 60_000 }, () => {
  const path = `${url}/v1/chat/completions`

  test('plain', async () => {
    const answer = parsed(await curl(path, ...bearer, ...json(chat('mock-echo', 'Hello from curl.'))))
    assert.equal(answer.status, 200)
    assert.deepEqual(answer.headers['content-type'], ['application/json'])
    assert.match(answer.headers['x-request-id'][0], /^req_/)
    assert.equal(answer.body.choices[0].message.content, 'Hello from curl.')
  })

  test('stream', async () => {
    const answer = await curl(path, '-N', ...bearer, ...json(chat('mock-echo', 'Hi', { stream: true })))
    assert.deepEqual(answer.headers['content-type'], ['text/event-stream'])
    assert.equal(text(chunks(answer.body)), 'Hi')
  })

  test('a stream that breaks says so, and ends', async () => {
    const { status, body } = await curl(path, '-N', ...bearer, ...json(chat('mock-cut', 'Hi', { stream: true })))
    assert.equal(status, 200)
    const [failed, done, rest] = body.split('\n\n').slice(-3)
    assert.match(failed, /^event: error\ndata: \{"error":\{"message":".+","type":"server_error","code":"stream_error","param":null\}\}$/)
    assert.deepEqual([done, rest], ['data: [DONE]', ''])
  })

  test('the offline model says what it is', async () => {
    const { headers, body } = await curl(path, ...bearer, ...json(chat('offline-1', 'Hi')))
    assert.deepEqual(headers['x-sallyport-offline'], ['true'])
    assert.deepEqual(faults('CreateChatCompletionResponse', JSON.parse(body)), [])
  })

  test('what is no JSON, or no sound JSON: 400', async () => {
    const deep = `{"model":"mock-echo","messages":[{"role":"user","content":"Hi"}],"x":${'['.repeat(65)}${']'.repeat(65)}}`
    const twice = '{"model":"mock-echo","model":"mock-say","messages":[{"role":"user","content":"Hi"}]}'
    for (const body of ['', '{', '[]', '{}', 'null', deep, twice, '{"model":1,"messages":[]}']) {
      const answer = parsed(await curl(path, ...bearer, '-H', 'Content-Type: application/json', '-d', body))
      assert.deepEqual([answer.status, answer.body.error.code], [400, 'invalid_body'], body.slice(0, 80))
    }
  })
})

describe('three styles of header', { timeout: 60_000 }, () => {
  const good = { bearer, 'x-api-key': xApiKey, 'api-key': ['-H', `api-key: ${key}`] }
  const calls = { chat: ['/v1/chat/completions', json(chat('mock-echo', 'Hi'))], models: ['/v1/models', []], agents: ['/v1/agents/list', []] }

  for (const [call, [path, more]] of Object.entries(calls)) {
    for (const [style, header] of Object.entries(good)) {
      test(`${call} with ${style}`, async () => {
        assert.equal((await curl(url + path, ...header, ...more)).status, 200)
      })
    }

    for (const [why, headers] of Object.entries({
      'no header': [],
      'another scheme beside a good x-api-key': ['-H', 'Authorization: Basic dTpw', ...xApiKey],
      'an empty bearer beside a good x-api-key': ['-H', 'Authorization: Bearer', ...xApiKey],
      'a wrong bearer beside a good x-api-key': ['-H', 'Authorization: Bearer sp-wrong', ...xApiKey],
      'a wrong x-api-key beside a good api-key': ['-H', 'x-api-key: sp-wrong', ...good['api-key']],
      'an empty x-api-key beside a good api-key': ['-H', 'x-api-key;', ...good['api-key']],
    })) {
      test(`${call} with ${why}: 401`, async () => {
        const answer = parsed(await curl(url + path, ...headers, ...more))
        assert.equal(answer.status, 401)
        assert.equal(answer.body.error, 'Unauthorized')
        assert.equal(typeof answer.body.message, 'string')
      })
    }

    test(`${call} with a good bearer beside a wrong x-api-key`, async () => {
      assert.equal((await curl(url + path, ...bearer, '-H', 'x-api-key: sp-wrong', ...more)).status, 200)
    })
  }

  test('a key in the address is not read', async () => {
    assert.equal((await curl(`${url}/v1/models?api_key=${key}&key=${key}`)).status, 401)
  })
})

describe('a body of 51 MB', { timeout: 120_000 }, () => {
  let folder, file
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-clients-'))
    file = join(folder, 'large')
    const handle = await open(file, 'w')
    await handle.truncate(51 << 20)
    await handle.close()
  })
  after(() => rm(folder, { recursive: true }))

  for (const [how, args] of [['at once', []], ['in chunks', ['-H', 'Transfer-Encoding: chunked']], ['unannounced', ['-H', 'Expect:']]]) {
    for (const path of ['/v1/chat/completions', '/v1/agents/runs']) {
      test(`${path}, sent ${how}: 413`, async () => {
        const answer = parsed(await curl(url + path, ...bearer, ...args, '-H', 'Content-Type: application/json', '--data-binary', `@${file}`))
        assert.equal(answer.status, 413)
        assert.deepEqual(answer.body, { message: 'Request body too large. Maximum size is 50 MB.' })
      })
    }
  }
})

describe('what is not there: 404', { timeout: 60_000 }, () => {
  const nobody = '00000000-0000-4000-8000-000000000000'
  for (const [method, path] of [
    ['GET', '/v1/nothing'], ['GET', '/v1/chat/completions'], ['POST', '/v1/models'],
    ['GET', '/v1/models/mock-none'], ['GET', `/v1/models/agent/${nobody}`],
    ['GET', `/v1/agents/${nobody}`], ['GET', `/v1/runs/${nobody}`], ['POST', `/v1/agents/${nobody}/run`],
    ['GET', `/v1/agents/runs/${nobody}`], ['GET', '/v1/runs/..%2F..%2Fmodels'],
  ]) {
    test(`${method} ${path}`, async () => {
      const { status, body } = await get(path, '-X', method, ...(method === 'POST' ? json({ input: 'Hi' }) : []))
      assert.equal(status, 404)
      assert.equal(body.error, 'Not found')
      assert.equal(typeof body.message, 'string')
    })
  }
})

describe('agents', { timeout: 120_000 }, () => {
  const definition = {
    displayName: 'Echo twice', description: 'Two steps', systemPrompt: 'Repeat.', model: 'mock-echo',
    inputs: [{ name: 'topic' }, { name: 'tone' }],
    steps: [
      { name: 'first', llmStep: { prompt: 'On {{topic}}, {{tone}}.' } },
      { name: 'second', llmStep: { prompt: 'Again: {{steps.1.output}}' } },
    ],
  }
  let agentId
  const start = async (inputs) => parsed(await curl(`${url}/v1/agents/runs`, ...xApiKey, ...json({ agentId, inputs })))

  before(async () => {
    const file = join(stage.binary.folder, 'agent.json')
    await writeFile(file, JSON.stringify(definition))
    agentId = JSON.parse(await stage.binary.command('agent', 'import', file, '--json')).id
  })

  test('list', async () => {
    const { status, body } = await get('/v1/agents/list')
    assert.equal(status, 200)
    assert.equal(body.total, 3)
    assert.equal(body.items.length, 3)
    const { createdAt, creatorName, ...item } = body.items.find((a) => a.agentId === agentId)
    assert.deepEqual(item, {
      agentId, name: 'Echo twice', description: 'Two steps', metadata: { userPermissions: ['view', 'edit', 'delete', 'share'] },
    })
    assert.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    assert.ok(creatorName)
  })

  test('detail, run, poll to success', async () => {
    const { body: unused } = await get(`/v1/agents/${agentId}`)
    assert.deepEqual([unused.inputs, unused.modelsInUse, unused.hasTriggers], [['topic', 'tone'], ['mock-echo'], false])
    assert.deepEqual([unused.recentRunIds, unused.lastRunAtUtc], [[], null])

    const { status, body } = await start([{ name: 'topic', value: 'Rome' }, { name: 'tone', value: 'dry' }, { name: 'unknown', value: 'x' }])
    assert.equal(status, 200)
    const run = await ended(url, `x-api-key: ${key}`, body.runId)
    assert.equal(run.status, 'success')
    assert.deepEqual([run.runId, run.agentId], [body.runId, agentId])
    assert.equal(said(run), 'Again: On Rome, dry.')
    assert.ok(Date.parse(run.createdAtUtc) <= Date.parse(run.endedAtUtc))
    assert.deepEqual((await get(`/v1/agents/${agentId}/runs/${body.runId}`)).body, run)
    assert.deepEqual((await get(`/v1/agents/${agentId}`)).body.recentRunIds, [body.runId])
  })

  test('missing inputs: 422', async () => {
    const { status, body } = await start([{ name: 'Topic', value: 'Rome' }])
    assert.equal(status, 422)
    assert.deepEqual(body, { error: 'Unprocessable Entity', message: "Missing required inputs: 'topic', 'tone'" })
  })

  test('no agent named: 400', async () => {
    const { status, body } = parsed(await curl(`${url}/v1/agents/runs`, ...xApiKey, ...json({ inputs: [] })))
    assert.deepEqual([status, body.error], [400, 'Bad Request'])
  })
})

test('what the provider was sent is as OpenAI describes it', () => {
  assert.ok(stage.upstream.calls.some((c) => c.raw.includes('Again: On Rome'))) // by an agent's step too
  assert.deepEqual(stage.sentFaults(), [])
})
