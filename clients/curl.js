// Plain curl, as in the quickstart.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

// curl runs curl with args and returns status, headers (lower-case names, lists of
// values) and body of the answer.
export async function curl(...args) {
  const told = '%{stderr}{"status":%{http_code},"headers":%{header_json}}'
  const { stdout, stderr } = await run('curl', ['-sS', '--max-time', '60', '-w', told, ...args])
  const { status, headers } = JSON.parse(stderr)
  return { status, headers, body: stdout }
}

// shell runs a curl call as a person pastes it; an answer of 400 and up is an error.
export async function shell(call) {
  const { stdout } = await run('sh', ['-c', call.replace(/^curl /, 'curl -sS --fail-with-body --max-time 60 ')])
  return stdout
}
