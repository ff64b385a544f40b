// One agent for coding in an empty folder with an empty home, between it and the
// binary a forwarder that keeps what it sent, behind the binary a provider that
// plays a session: what it says next follows from what it has said before.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import { after } from 'node:test'
import { startBinary } from '../binary.js'
import { claudeSays, startUpstream, stream, streamEnd } from '../upstream.js'
import { answer as respond, message } from '../upstream-responses.js'

// The user's prompts name a person, whose address is kept from providers: they see a
// placeholder, and PERSON in a turn stands for what they saw.
export const address = 'ada.lovelace@example.com'
export const introduction = `Ada is ${address}.`
export const PERSON = '{{person}}'

const price = { input: 2.5, output: 10 }
const runTime = 120_000 // of the agent, for one prompt

// The name that each model has for the agent, and for its provider.
export const target = { claude: 'scripted-claude', gpt: 'scripted-gpt', open: 'scripted-open' }

// setStage returns what a test file needs. turns(folder) are those of the session,
// each { thinking, proof, redacted, say, calls }: proof is what only the provider can
// read of the thinking, calls are { id, namespace, name, input }.
export async function setStage(turns) {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-agents-'))
  after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const work = join(folder, 'work')
  const home = join(folder, 'home')
  await Promise.all([mkdir(work), mkdir(home)])

  const played = turns(work)
  const upstream = await startUpstream(scripts((raw) => played.find((turn) => !raw.includes(markOf(turn)))))
  after(() => upstream.stop())
  const binary = await startBinary({
    providers: [
      { name: 'anthropic', type: 'anthropic', base_url: upstream.url, api_key: 'key-of-the-provider' },
      { name: 'openai', type: 'openai', base_url: `${upstream.url}/v1`, api_key: 'key-of-the-provider' },
      { name: 'open', type: 'groq', base_url: `${upstream.url}/v1`, api_key: 'key-of-the-provider' },
    ],
    models: [
      { id: 'claude-sonnet-4-5', provider: 'anthropic', target: target.claude, price },
      { id: 'claude-opus-5', provider: 'anthropic', target: target.claude, price },
      { id: 'gpt-5', provider: 'openai', target: target.gpt, price },
      { id: 'open-1', provider: 'open', target: target.open, price },
    ],
  })
  after(() => binary.stop())
  await trust(binary, ['Write', 'exec_command'])
  const forwarder = await startForwarder(binary.url)
  after(() => forwarder.stop())
  const outside = await startOutside()
  after(() => outside.stop())

  // run starts the agent and returns what it printed. What goes elsewhere than to
  // loopback ends in outside.seen.
  const run = (program, args, env) => new Promise((resolve, reject) => {
    const proxies = { HTTP_PROXY: outside.url, HTTPS_PROXY: outside.url, NO_PROXY: '127.0.0.1,localhost' }
    const options = { cwd: work, timeout: runTime, env: { PATH: process.env.PATH, HOME: home, ...proxies, ...env } }
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error) reject(new Error(`the agent ended with ${error.signal ?? error.code}: ${stdout}\n${stderr}`))
      else resolve(stdout)
    })
    child.stdin.end()
  })
  return { upstream, turns: played, work, home, key: binary.made.api_key, url: forwarder.url, sent: forwarder.sent, outside: outside.seen, run }
}

// trust has the tools that write files get values where the provider said their placeholders.
async function trust({ url, made }, trusted_tools) {
  const headers = { authorization: `Bearer ${made.api_key}`, 'content-type': 'application/json' }
  const call = async (more) => {
    const answer = await fetch(`${url}/api/v1/dlp/policy`, { headers, ...more })
    if (!answer.ok) throw new Error(`the policy: ${answer.status} ${await answer.text()}`)
    return answer
  }
  const policy = await call().then((answer) => answer.json())
  await call({ method: 'PUT', body: JSON.stringify({ ...policy, trusted_tools }) })
}

// markOf is what a later request holds once a turn was told.
const markOf = ({ say, calls }) => calls?.[0].id ?? say

// scripts tells the next turn in each of the three APIs. A request without tools is
// one aside, for a title or the like.
function scripts(next) {
  const turnFor = (asked) => {
    if (!asked.tools?.length) return { say: 'Aside.' }
    const raw = JSON.stringify(asked)
    const person = raw.match(/Ada is (.+?)\./)[1]
    return JSON.parse(JSON.stringify(next(raw)).replaceAll(PERSON, person))
  }
  return {
    '/v1/messages': (asked, res) => claudeSays(asked, res, blocks(turnFor(asked))),
    '/v1/chat/completions': (asked, res) => chatSays(asked, res, turnFor(asked)),
    '/v1/responses': (asked, res) => respond(asked, res, items(turnFor(asked))),
  }
}

// functionOf is the name of a tool where all tools are functions.
const functionOf = ({ namespace, name }) => (namespace ? `${namespace}__${name}` : name)

function blocks({ thinking, proof, redacted, say, calls = [] }) {
  return [
    ...(thinking ? [{ type: 'thinking', thinking, signature: proof }] : []),
    ...(redacted ? [{ type: 'redacted_thinking', data: redacted }] : []),
    ...(say ? [{ type: 'text', text: say }] : []),
    ...calls.map(({ id, input, ...tool }) => ({ type: 'tool_use', id, name: functionOf(tool), input })),
  ]
}

function items({ thinking, proof, say, calls = [] }) {
  return [
    ...(thinking ? [{ id: `rs_${calls[0]?.id}`, type: 'reasoning', summary: [{ type: 'summary_text', text: thinking }], encrypted_content: proof }] : []),
    ...(say ? [message(say)] : []),
    ...calls.map(({ id, namespace, name, input }) => ({
      id: `fc_${id}`, type: 'function_call', status: 'completed', call_id: id, namespace, name, arguments: JSON.stringify(input),
    })),
  ]
}

function chatSays(asked, res, { thinking = '', say = '', calls = [] }) {
  const send = stream(asked, res)
  send({ role: 'assistant', content: '' })
  for (const reasoning_content of thinking) send({ reasoning_content })
  for (const content of say) send({ content })
  calls.forEach(({ id, input, ...tool }, index) => {
    send({ tool_calls: [{ index, id, type: 'function', function: { name: functionOf(tool), arguments: '' } }] })
    for (const piece of JSON.stringify(input).match(/.{1,5}/gsu)) send({ tool_calls: [{ index, function: { arguments: piece } }] })
  })
  streamEnd(asked, res, send, calls.length ? 'tool_calls' : 'stop')
}

// startForwarder passes everything on to url and keeps the requests in sent, each
// with the status of its answer.
async function startForwarder(url) {
  const sent = []
  const server = http.createServer(async (req, res) => {
    const raw = await readAll(req)
    const on = http.request(url + req.url, { method: req.method, headers: req.headers }, (answer) => {
      call.status = answer.statusCode
      res.writeHead(answer.statusCode, answer.headers)
      answer.pipe(res)
    })
    const call = { method: req.method, path: req.url, headers: req.headers, raw, answered: once(on, 'response') }
    call.answered.catch(() => res.destroy())
    sent.push(call)
    on.end(raw)
  })
  return { ...await listen(server), sent }
}

// startOutside is the way out to the world, which is closed: seen are those who tried it.
async function startOutside() {
  const seen = []
  const server = http.createServer((req, res) => {
    seen.push(req.url)
    res.writeHead(403).end()
  })
  server.on('connect', (req, socket) => {
    seen.push(req.url)
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
  })
  return { ...await listen(server), seen }
}

async function listen(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  }
}
