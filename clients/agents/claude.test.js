// Claude Code: a session of two prompts with tools, before a provider of Anthropic's
// API and before one of chat completions.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { assertSame, expected, hidden } from './bytes.js'
import { PERSON, address, introduction, setStage, target } from './stage.js'

// The program itself, as npm brings it for this machine: the package's own command is
// put in place by a script that npm may not have been allowed to run.
const here = createRequire(import.meta.url)
const claude = join(dirname(here.resolve(`@anthropic-ai/claude-code-${process.platform}-${process.arch}/package.json`)), 'claude')

const texts = { 'a.txt': 'Smør, 👩‍💻 and "quotes" \\ <&>\n', 'b.txt': `To ${PERSON}\n` }
// What the requests hold that data protection hides; the second stands in the agent's own instructions.
const addresses = [address, 'noreply@anthropic.com']
const proofs = ['EqQBCgIYAhIM/odd+letters==', 'ErUBCkYIBxgCIkD/second+proof=']
const redacted = 'b3BhcXVl/+=='

const turns = (folder) => {
  const call = (id, name, file, more) => ({ id: `toolu_${id}`, name, input: { file_path: join(folder, file), ...more } })
  return [
    { thinking: 'Two files, 👩‍💻.', proof: proofs[0], redacted, calls: Object.entries(texts).map(([file, content], i) => call(`write_${i}`, 'Write', file, { content })) },
    { thinking: 'Now I look.', proof: proofs[1], say: 'I look.', calls: Object.keys(texts).map((file, i) => call(`read_${i}`, 'Read', file)) },
    { say: 'Both files are there.' },
    { say: 'They still are.' },
  ]
}

for (const [name, model, own] of [
  ["a provider of Anthropic's API", 'claude-sonnet-4-5', true],
  // Asked in another way: effort, adaptive thinking, system messages in the middle.
  ["a provider of Anthropic's API", 'claude-opus-5', true],
  ['a provider of chat completions', 'open-1', false],
]) {
  describe(`Claude Code on ${name}, ${model}`, { timeout: 300_000 }, async () => {
    const stage = await setStage(turns)
    const env = {
      ANTHROPIC_BASE_URL: stage.url, ANTHROPIC_API_KEY: stage.key, ANTHROPIC_MODEL: model,
      ANTHROPIC_DEFAULT_HAIKU_MODEL: model, // for what it asks aside
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1', DISABLE_TELEMETRY: '1', DISABLE_ERROR_REPORTING: '1',
      IS_SANDBOX: '1',
    }
    const ask = async (prompt, ...more) => {
      const said = await stage.run(claude, ['-p', prompt, '--output-format', 'json', '--allowedTools', 'Write,Read', ...more], env)
      return JSON.parse(said)
    }

    test('the session completes', async () => {
      const first = await ask(`Write two files and read them. ${introduction}`)
      assert.deepEqual([first.subtype, first.is_error, first.result], ['success', false, 'Both files are there.'])
      for (const [file, text] of Object.entries(texts)) assert.equal(await readFile(join(stage.work, file), 'utf8'), text.replace(PERSON, address))
      const second = await ask('Are they still there?', '--continue')
      assert.equal(second.result, 'They still are.')
    })

    test('no call failed, and none went elsewhere', () => {
      assert.deepEqual(stage.sent.filter((call) => call.status !== 200).map(({ path, status }) => [path, status]), [])
      assert.deepEqual(stage.outside, [])
    })

    test('the provider never saw the address', () => {
      assert.ok(stage.upstream.calls.length >= 4)
      assert.ok(stage.upstream.calls.every((call) => !call.raw.includes(address)))
    })

    test('the results of both tools came back, under the ids of their calls', () => {
      const { body } = stage.upstream.last()
      const ids = stage.turns.flatMap((turn) => turn.calls ?? []).map((call) => call.id)
      const results = own
        ? body.messages.flatMap((m) => (Array.isArray(m.content) ? m.content : [])).filter((part) => part.type === 'tool_result').map((r) => r.tool_use_id)
        : body.messages.filter((m) => m.role === 'tool').map((m) => m.tool_call_id)
      assert.deepEqual(results.toSorted(), ids.toSorted()) // those that ran at once, in the order of their ends
    })

    if (own) {
      test('the provider got what was sent, but for the model, the metadata and what is protected', () => {
        const sent = stage.sent.filter((call) => call.path.startsWith('/v1/messages'))
        assert.equal(stage.upstream.calls.length, sent.length)
        const placeholders = new Map()
        sent.forEach(({ raw }, i) => {
          const got = stage.upstream.calls[i].raw
          assertSame(got, hidden(expected(raw, { model: target.claude, removed: ['metadata'] }), got, addresses, placeholders))
        })
        assert.deepEqual([...placeholders.keys()].sort(), addresses.toSorted())
        for (const header of ['anthropic-version', 'anthropic-beta', 'x-claude-code-session-id']) {
          assert.deepEqual(stage.upstream.calls.map((call) => call.headers[header]), sent.map((call) => call.headers[header]), header)
        }
      })

      test('signed thinking came back as it went', () => {
        const { raw } = stage.upstream.last()
        for (const { thinking, proof, redacted } of stage.turns.filter((turn) => turn.thinking)) {
          assert.ok(raw.includes(JSON.stringify({ type: 'thinking', thinking, signature: proof })), `no ${proof} in ${raw}`)
          if (redacted) assert.ok(raw.includes(JSON.stringify({ type: 'redacted_thinking', data: redacted })))
        }
      })
    } else {
      test('the provider got chat completions', () => {
        assert.deepEqual([...new Set(stage.upstream.calls.map((call) => call.path))], ['/v1/chat/completions'])
        assert.ok(stage.upstream.calls.every((call) => call.body.model === target.open && call.body.stream_options.include_usage))
      })
    }
  })
}

describe('Claude Code', { timeout: 300_000 }, async () => {
  const stage = await setStage(() => [{ say: 'Hello.' }])
  const env = { ANTHROPIC_BASE_URL: stage.url, ANTHROPIC_MODEL: 'claude-sonnet-4-5', DISABLE_AUTOUPDATER: '1', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' }

  test('finds the models, with its key as a bearer token', async () => {
    await stage.run(claude, ['-p', introduction], { ...env, ANTHROPIC_AUTH_TOKEN: stage.key, CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY: '1' })
    await Promise.all(stage.sent.map((call) => call.answered))
    const calls = stage.sent.map(({ method, path, status }) => `${method} ${path.split('?')[0]} ${status}`)
    assert.deepEqual(calls.sort(), ['GET /v1/models 200', 'POST /v1/messages 200'])
    assert.ok(stage.sent.every((call) => call.headers.authorization === `Bearer ${stage.key}`))
  })

  test('gives up at once with a wrong key', async () => {
    const before = stage.sent.length
    await assert.rejects(stage.run(claude, ['-p', introduction], { ...env, ANTHROPIC_API_KEY: 'sp-of-nobody' }), /401 That is not an API key of this server/)
    assert.deepEqual(stage.sent.slice(before).map((call) => call.status), [401])
  })
})
