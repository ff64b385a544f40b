// Codex CLI: a session of two prompts with tools, before a provider of Responses and before
// ones that speak something else.

import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { assertSame, expected, hidden } from './bytes.js'
import { PERSON, address, introduction, setStage, target } from './stage.js'

const codex = createRequire(import.meta.url).resolve('@openai/codex/bin/codex.js')

const texts = { 'a.txt': 'Smør, 👩‍💻 and "quotes" \\ <&>\n', 'b.txt': `To ${PERSON}\n` }
const proofs = ['gAAAAABo/sealed+reasoning==', 'gAAAAABp/more+of+it==']

const turns = () => {
  const call = (id, cmd) => ({ id: `call_${id}`, name: 'exec_command', input: { cmd } })
  return [
    { thinking: 'Two files, 👩‍💻.', proof: proofs[0], calls: Object.entries(texts).map(([file, text], i) => call(`write_${i}`, `cat > ${file} <<'END'\n${text}END`)) },
    { thinking: 'Now I look.', proof: proofs[1], say: 'I look.', calls: [
      call('read', `cat ${Object.keys(texts).join(' ')}`),
      // A tool of a namespace. There is no such agent, which the output says.
      { id: 'call_close', namespace: 'multi_agent_v1', name: 'close_agent', input: { target: 'nobody', id: 'nobody' } },
    ] },
    { say: 'Both files are there.' },
    { say: 'They still are.' },
  ]
}

for (const [name, model, path] of [
  ['a provider of Responses', 'gpt-5', '/v1/responses'],
  ['a provider of chat completions', 'open-1', '/v1/chat/completions'],
  ["a provider of Anthropic's API", 'claude-sonnet-4-5', '/v1/messages'],
]) {
  describe(`Codex CLI on ${name}`, { timeout: 300_000 }, async () => {
    const stage = await setStage(turns)
    await mkdir(join(stage.home, '.codex'))
    await writeFile(join(stage.home, '.codex', 'config.toml'), `
model = "${model}"
model_provider = "sallyport"
check_for_update_on_startup = false

[model_providers.sallyport]
name = "Sallyport"
base_url = "${stage.url}/v1"
env_key = "SALLYPORT_KEY"
wire_api = "responses"

[features]
plugins = false # their catalogue is fetched from github.com

[analytics]
enabled = false
`)
    // Its sandbox needs rights that a container may not have; what it runs are our own lines.
    const flags = ['--json', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox']
    const ask = async (prompt, ...before) => {
      const said = await stage.run(process.execPath, [codex, 'exec', ...before, ...flags, prompt], { SALLYPORT_KEY: stage.key })
      const events = said.trim().split('\n').map((line) => JSON.parse(line))
      assert.equal(events.at(-1).type, 'turn.completed', said)
      return events.map((event) => event.item).filter((item) => item?.type === 'agent_message').map((item) => item.text)
    }

    test('the session completes', async () => {
      assert.deepEqual(await ask(`Write two files and read them. ${introduction}`), ['I look.', 'Both files are there.'])
      for (const [file, text] of Object.entries(texts)) assert.equal(await readFile(join(stage.work, file), 'utf8'), text.replace(PERSON, address))
      assert.deepEqual(await ask('Are they still there?', 'resume', '--last'), ['They still are.'])
    })

    test('no call failed, and none went elsewhere', () => {
      assert.deepEqual(stage.sent.filter((call) => call.status !== 200).map((call) => [call.path, call.status]), [])
      assert.deepEqual(stage.outside, [])
    })

    test('the provider never saw the address', () => {
      assert.ok(stage.upstream.calls.length >= 4)
      assert.ok(stage.upstream.calls.every((call) => call.path === path && !call.raw.includes(address)))
    })

    test('the outputs of all calls came back, in their order', () => {
      const { input, messages } = stage.upstream.last().body
      const results = input?.filter((item) => item.type === 'function_call_output').map((item) => item.call_id)
        ?? messages.flatMap((m) => (m.role === 'tool' ? [m.tool_call_id] : [m.content].flat().map((part) => part?.tool_use_id))).filter(Boolean)
      assert.deepEqual(results, stage.turns.flatMap((turn) => turn.calls ?? []).map((call) => call.id))
    })

    if (path !== '/v1/responses') {
      test('tools of namespaces were offered as functions, and the one that was called answered as what it is', () => {
        const { tools } = stage.upstream.last().body
        const names = tools.map((tool) => tool.name ?? tool.function.name)
        assert.ok(names.includes('exec_command') && names.includes('multi_agent_v1__close_agent'))
        assert.deepEqual(tools.filter((tool) => tool.type === 'web_search'), [])
        const { input } = JSON.parse(stage.sent.at(-1).raw)
        assert.equal(input.find((item) => item.type === 'function_call' && item.call_id === 'call_close').namespace, 'multi_agent_v1')
      })
      return
    }

    test('the provider got what was sent, but for the model and what is protected', () => {
      assert.equal(stage.upstream.calls.length, stage.sent.length)
      const placeholders = new Map()
      stage.sent.forEach(({ raw }, i) => {
        const got = stage.upstream.calls[i].raw
        assertSame(got, hidden(expected(raw, { model: target.gpt, removed: [] }), got, [address], placeholders))
      })
      assert.deepEqual([...placeholders.keys()], [address])
    })

    test('sealed reasoning came back as it went', () => {
      const { raw, body } = stage.upstream.last()
      assert.deepEqual(body.input.filter((item) => item.type === 'reasoning').map((item) => item.encrypted_content), proofs)
      for (const proof of proofs) assert.ok(raw.includes(`"encrypted_content":"${proof}"`)) // not escaped another way
    })
  })
}
