// Judges bodies by OpenAI's own description of them, openai-chat.json and
// openai-responses.json.
//
// The description is OpenAPI 3.1 with habits of 3.0, so before it is compiled:
// "nullable" becomes a type null beside the rest, also where it stands next to a
// $ref or an enum without null, which JSON Schema would not let through;
// "discriminator" only picks between the branches of a oneOf, which excludes the
// others by itself; the format "unixtime" is told to the validator.
//
// The description lets an object have members that it does not name. strangers judges as
// if it did not.

import { readFileSync } from 'node:fs'
import Ajv2020 from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

// The object under this keyword has names with schemas, and is no schema itself.
const named = 'properties'

// A schema that is a part of another must let the members of the others through: under
// this ending each named one is there as such a part.
const part = '~part'

const schemas = Object.assign({}, ...['openai-chat.json', 'openai-responses.json'].map((file) =>
  JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')).components.schemas))

const open = plain(schemas)
const ajv = compiler(open)
const ajvClosed = compiler(closed(open))

function compiler(described) {
  // Not strict: the description has keywords of its own.
  const made = new Ajv2020({ strict: false, allErrors: true, discriminator: false })
  addFormats(made)
  made.addFormat('unixtime', { type: 'number', validate: (n) => Number.isSafeInteger(n) && n >= 0 })
  return made.addSchema({ $id: 'openai', components: { schemas: described } })
}

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

// closed lets no object have a member that nothing names.
function closed(described) {
  const out = {}
  for (const [name, schema] of Object.entries(described)) {
    out[name] = close(schema)
    out[name + part] = close(schema, true)
  }
  return out
}

function close(node, isPart = false) {
  if (Array.isArray(node)) return node.map((item) => close(item, isPart))
  if (node === null || typeof node !== 'object') return node
  if (node.$ref && isPart) return { ...node, $ref: node.$ref + part }
  // What stands beside the members of an object, or in allOf, tells of the same object.
  const parts = isPart || named in node || 'allOf' in node
  const out = {}
  for (const [key, value] of Object.entries(node)) {
    if (key === named) out[key] = Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, close(schema)]))
    else if (key === 'allOf' || key === 'anyOf' || key === 'oneOf') out[key] = close(value, parts)
    else out[key] = key === 'items' || key === 'additionalProperties' ? close(value) : value
  }
  if (!isPart && (named in node || 'allOf' in node) && !('additionalProperties' in node)) out.unevaluatedProperties = false
  return out
}

// faults returns what is wrong with value as an instance of the named schema.
export const faults = (schema, value) => faultsBy(ajv, schema, value)

// strangers returns that too, and what the description does not name.
export const strangers = (schema, value) => faultsBy(ajvClosed, schema, value)

function faultsBy(compiled, schema, value) {
  const validate = compiled.getSchema(`openai#/components/schemas/${schema}`)
  if (!validate) throw new Error(`the description has no schema ${schema}`)
  if (validate(value)) return []
  return validate.errors.map((e) => `${schema}${e.instancePath}: ${e.message} ${e.params.unevaluatedProperty ?? ''}`.trimEnd())
}

// eventSchemas are the schemas of the events of Responses, by their type.
const eventSchemas = Object.fromEntries(schemas.ResponseStreamEvent.anyOf.map(({ $ref }) => {
  const name = $ref.split('/').at(-1)
  return [schemas[name].properties.type.enum[0], name]
}))

// eventSchema names the schema of an event of that type; that of all where there is none.
export const eventSchema = (type) => eventSchemas[type] ?? 'ResponseStreamEvent'
