// What goes wrong, as official clients tell it to their callers.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { chat, lines, setStage } from '../stage.js'
import { brokenBody, busyBody } from '../upstream.js'

const stage = await setStage()
const { upstream } = stage

for (const line of lines) {
  describe(`openai ${line.version}`, { timeout: 60_000 }, () => {
    const client = stage.client(line)
    const completions = client.chat.completions

    // refused runs call and returns its error, which must be of that class.
    async function refused(call, Class, status) {
      const error = await call.then(() => assert.fail('the call passed'), (e) => e)
      assert.ok(error instanceof Class, `got ${error.constructor.name} (${error.message}), want ${Class.name}`)
      assert.equal(error.status, status)
      return error
    }

    // unsent does the same for a call that must not reach the provider.
    async function unsent(call, Class, status) {
      const before = upstream.calls.length
      const error = await refused(call, Class, status)
      assert.equal(upstream.calls.length, before, 'the provider was asked')
      return error
    }

    test('no such key: 401', async () => {
      const stranger = stage.client(line, { apiKey: 'sp-of-nobody' })
      await unsent(stranger.chat.completions.create(chat('mock-echo', 'Hi.')), line.AuthenticationError, 401)
      await unsent(stranger.models.list(), line.AuthenticationError, 401)
    })

    test('a body that is none: 400', async () => {
      const error = await unsent(completions.create(chat('mock-echo', 'Hi.', { temperature: 'hot' })), line.BadRequestError, 400)
      assert.deepEqual([error.type, error.code], ['invalid_request_error', 'invalid_body'])
      assert.match(error.message, /temperature/)
      await unsent(completions.create({ model: 'mock-echo', messages: [] }), line.BadRequestError, 400)
    })

    test('no such model: 400, and 404 when it is looked up', async () => {
      const error = await unsent(completions.create(chat('mock-none', 'Hi.')), line.BadRequestError, 400)
      assert.deepEqual([error.type, error.code], ['invalid_request_error', 'model_not_found'])
      await unsent(client.models.retrieve('mock-none'), line.NotFoundError, 404)
    })

    test('too few credits: 402', async () => {
      const error = await unsent(completions.create(chat('mock-costly', 'Hi.')), line.APIError, 402)
      assert.equal(error.code, 'insufficient_credits')
      assert.match(error.message, /4\d{3}(\.\d+)? credits, and \d+(\.\d+)? are left/)
    })

    test('a model that is switched off: 403', async () => {
      await allow('mock-say', false)
      const error = await unsent(completions.create(chat('mock-say', 'Hi.')), line.PermissionDeniedError, 403)
      assert.deepEqual([error.type, error.code], ['permission_error', 'model_access_denied'])
      assert.ok(!(await client.models.list()).data.some((m) => m.id === 'mock-say'))
      await allow('mock-say', true)
      await client.models.retrieve('mock-say')
    })

    test('our own limit: 429', async () => {
      const key = JSON.parse(await stage.binary.command('key', 'create', '--json', '--name', line.version))
      await put(`limits?scope=key&id=${key.id}`, { requests_per_minute: 1, tokens_per_minute: 0, concurrent: 0 })
      const limited = stage.client(line, { apiKey: key.api_key }).chat.completions
      await limited.create(chat('mock-echo', 'One.'))
      const error = await unsent(limited.create(chat('mock-echo', 'Two.')), line.RateLimitError, 429)
      assert.deepEqual([error.type, error.code], ['rate_limit_error', 'rate_limit_exceeded'])
      const wait = Number(error.headers.get('retry-after'))
      assert.ok(wait >= 1 && wait <= 60, `retry-after: ${wait}`)
      assert.equal(error.headers.get('x-ratelimit-limit-requests'), '1')
      assert.equal(error.headers.get('x-ratelimit-remaining-requests'), '0')
    })

    for (const stream of [false, true]) {
      test(`the provider's 429, ${stream ? 'streamed' : 'plain'}`, async () => {
        const error = await refused(completions.create(chat('mock-busy', 'Hi.', { stream })), line.RateLimitError, 429)
        assert.deepEqual(error.error, JSON.parse(busyBody).error)
        assert.equal(error.headers.get('retry-after'), '7')
      })
    }

    test("the provider's 500", async () => {
      await refused(completions.create(chat('mock-broken', 'Hi.')), line.InternalServerError, 500)
    })

    for (const [model, stream, code] of [
      ['mock-nothing', false, 'upstream_empty_body'],
      ['mock-nothing', true, 'upstream_empty_body'],
      ['mock-garbage', false, 'upstream_invalid'],
      ['mock-garbage', true, 'upstream_closed'], // a stream without an event that never says it is done
    ]) {
      test(`${model}, ${stream ? 'streamed' : 'plain'}: 502`, async () => {
        const error = await refused(completions.create(chat(model, 'Hi.', { stream })), line.InternalServerError, 502)
        assert.deepEqual([error.type, error.code], ['server_error', code])
      })
    }

    test('a stream that breaks', async () => {
      let text = ''
      const read = async () => {
        for await (const chunk of await completions.create(chat('mock-cut', 'Hi.', { stream: true }))) {
          text += chunk.choices[0].delta.content
        }
      }
      const error = await refused(read(), line.APIError, undefined)
      assert.deepEqual([error.type, error.code], ['server_error', 'stream_error'])
      assert.equal(text, 'half of ')
    })
  })
}

const allow = (model, enabled) => put(`models/access?model=${model}`, { enabled })

// put changes something by the server itself, which obeys at once.
async function put(path, body) {
  const answer = await fetch(`${stage.url}/api/v1/${path}`, {
    method: 'PUT', body: JSON.stringify(body), headers: { authorization: `Bearer ${stage.key}`, 'content-type': 'application/json' },
  })
  assert.ok(answer.ok, await answer.text())
}

// Official clients hide the bytes, so this one is read by hand.
for (const [model, status, type, body] of [
  ['mock-busy', 429, 'application/json; odd=yes', busyBody],
  ['mock-broken', 500, 'text/plain; charset=utf-8', brokenBody],
]) {
  test(`what ${model} says is passed on byte for byte`, async () => {
    const answer = await fetch(`${stage.url}/v1/chat/completions`, {
      method: 'POST', body: JSON.stringify(chat(model, 'Hi.')), headers: { authorization: `Bearer ${stage.key}` },
    })
    assert.equal(answer.status, status)
    assert.equal(answer.headers.get('content-type'), type)
    assert.equal(Buffer.from(await answer.arrayBuffer()).toString('latin1'), Buffer.from(body).toString('latin1'))
  })
}

test('what the clients were answered is as OpenAI describes it', () => {
  assert.deepEqual(stage.watcher.wrong, [])
  assert.ok(stage.watcher.seen.CreateChatCompletionResponse > 0)
  assert.ok(stage.watcher.seen.ErrorResponse > 20, JSON.stringify(stage.watcher.seen))
})
