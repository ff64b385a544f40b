// Judges bodies by OpenAI's own description of them, openai-chat.json and
// openai-responses.json.
//
// The description is OpenAPI 3.1 with habits of 3.0, so before it is compiled:
// "nullable" becomes a type null beside the rest, also where it stands next to a
// $ref or an enum without null, which JSON Schema would not let through;
// "discriminator" only picks between the branches of a oneOf, which excludes the
// others by itself; the format "unixtime" is told to the validator.

import { readFileSync } from 'node:fs'
import Ajv2020 from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

// The object under this keyword has names with schemas, and is no schema itself.
const named = 'properties'

const schemas = Object.assign({}, ...['openai-chat.json', 'openai-responses.json'].map((file) =>
  JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')).components.schemas))

// Not strict: the description has keywords of its own.
const ajv = new Ajv2020({ strict: false, allErrors: true, discriminator: false })
addFormats(ajv)
ajv.addFormat('unixtime', { type: 'number', validate: (n) => Number.isSafeInteger(n) && n >= 0 })
ajv.addSchema({ $id: 'openai', components: { schemas: plain(schemas) } })

function plain(node, names = true) {
  if (Array.isArray(node)) return node.map((item) => plain(item, false))
  if (node === null || typeof node !== 'object') return node
  const out = {}
  for (const [key, value] of Object.entries(node)) {
    if (names) out[key] = plain(value, false)
    else if (key !== 'nullable' && key !== 'discriminator') out[key] = plain(value, key === named)
  }
  return !names && node.nullable === true ? { anyOf: [out, { type: 'null' }] } : out
}

// faults returns what is wrong with value as an instance of the named schema.
export function faults(schema, value) {
  const validate = ajv.getSchema(`openai#/components/schemas/${schema}`)
  if (!validate) throw new Error(`the description has no schema ${schema}`)
  if (validate(value)) return []
  return validate.errors.map((e) => `${schema}${e.instancePath}: ${e.message}`)
}
