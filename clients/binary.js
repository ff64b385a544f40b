// The real binary, each time in a data folder of its own.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const path = fileURLToPath(new URL('../bin/sallyport', import.meta.url))

// Nothing of the caller's environment may set up a provider.
const env = { PATH: process.env.PATH, HOME: process.env.HOME }

const startTime = 30_000 // until it serves
const stopTime = 30_000 // until it has ended

// startBinary sets an instance up with config, the operator's file as an object,
// and serves it. Beside what serve returns, it has what init printed as made, the
// folder, and command(...args), which runs a command and returns what it prints.
export async function startBinary(config) {
  const folder = await newFolder()
  const file = join(folder, 'sallyport.yaml')
  await writeFile(file, JSON.stringify(config)) // JSON is YAML too
  const command = async (...args) => {
    const { stdout } = await promisify(execFile)(path, [...args, ...flags(folder), '--config', file], { env, cwd: folder })
    return stdout
  }
  const made = await command('init', '--json').then(JSON.parse).catch(async (error) => {
    await rm(folder, { recursive: true, force: true })
    throw error
  })
  return { ...await serve(folder, '--config', file), made, folder, command }
}

// startFresh only serves, as one does who has just installed it.
export async function startFresh() {
  return serve(await newFolder())
}

const newFolder = () => mkdtemp(join(tmpdir(), 'sallyport-clients-'))
const flags = (folder) => ['--data', join(folder, 'data')]

// serve returns the address of the server, what it said at its start, and stop,
// which ends it, removes the folder, and fails when the server did not end well.
async function serve(folder, ...more) {
  const server = spawn(path, ['serve', '--addr', '127.0.0.1:0', ...flags(folder), ...more], { env, cwd: folder })
  let log = ''
  server.stderr.on('data', (piece) => { log += piece })
  const ended = once(server, 'exit')
  const stop = async () => {
    server.kill('SIGTERM')
    const patience = setTimeout(() => server.kill('SIGKILL'), stopTime)
    const [code, signal] = await ended
    clearTimeout(patience)
    await rm(folder, { recursive: true, force: true })
    if (code !== 0) throw new Error(`the server ended with ${signal ?? code}: ${log}`)
  }
  try {
    const greeting = await greeted(server)
    const url = greeting.match(/ready at (\S+)/)[1]
    await fetch(`${url}/readyz`).then((answer) => answer.ok || Promise.reject(new Error(`/readyz is ${answer.status}`)))
    return { url, greeting, stop }
  } catch (error) {
    await stop().catch(() => {})
    throw new Error(`${error.message}: ${log}`)
  }
}

// greeted resolves to the first words of the server, which come in one piece
// once its address is open.
function greeted(server) {
  return new Promise((resolve, reject) => {
    const patience = setTimeout(() => reject(new Error('the server did not start in time')), startTime)
    let said = ''
    server.stdout.setEncoding('utf8').on('data', (piece) => {
      said += piece
      if (!/ready at \S+\n/.test(said)) return
      clearTimeout(patience)
      resolve(said)
    })
    server.once('exit', () => {
      clearTimeout(patience)
      reject(new Error('the server did not start'))
    })
    server.once('error', reject)
  })
}
