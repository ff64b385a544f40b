// Cuts what the tests need out of OpenAI's published API description:
//
//     npm run contract -- path/to/openai-openapi.json COMMIT
//
// The description is openai/openai-openapi on GitHub, as JSON; COMMIT says which
// one. The schemas below and all that they refer to are kept as they are, less
// their prose and examples.

import { readFileSync, writeFileSync } from 'node:fs'

// By the file that they go to.
const wanted = {
  'openai-chat.json': [
    'CreateChatCompletionRequest', 'CreateChatCompletionResponse', 'CreateChatCompletionStreamResponse',
    'CreateCompletionRequest', 'CreateCompletionResponse', 'CreateEmbeddingRequest', 'CreateEmbeddingResponse',
    'ListModelsResponse', 'Model', 'ErrorResponse',
  ],
  'openai-responses.json': ['CreateResponse', 'Response', 'ResponseStreamEvent', 'ResponseItemList', 'TokenCountsResource', 'ConversationResource', 'ConversationItemList', 'ConversationItem'],
}

const [source, commit] = process.argv.slice(2)
if (!source || !commit) {
  console.error('usage: npm run contract -- path/to/openai-openapi.json COMMIT')
  process.exit(2)
}
const described = JSON.parse(readFileSync(source, 'utf8'))

function keep(schemas, name) {
  if (name in schemas) return
  const schema = described.components.schemas[name]
  if (!schema) throw new Error(`the description has no schema ${name}`)
  schemas[name] = withoutProse(schema)
  for (const ref of refs(schema)) keep(schemas, ref)
}

// A property may be called description too; its value is then a schema.
function withoutProse(schema) {
  return JSON.parse(JSON.stringify(schema, (key, value) => {
    const prose = key === 'x-oaiMeta' || ((key === 'description' || key === 'example') && typeof value === 'string')
    return prose ? undefined : value
  }))
}

function* refs(node) {
  if (node === null || typeof node !== 'object') return
  if (typeof node.$ref === 'string') yield node.$ref.replace('#/components/schemas/', '')
  for (const child of Object.values(node)) yield* refs(child)
}

for (const [file, names] of Object.entries(wanted)) {
  const schemas = {}
  names.forEach((name) => keep(schemas, name))
  const sorted = Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)))
  const out = {
    $comment: `From openai/openai-openapi, commit ${commit}, MIT License, Copyright (c) OpenAI; see LICENSE-openai. Made by extract.js.`,
    openapi: described.openapi,
    info: { title: described.info.title, version: described.info.version, license: described.info.license },
    components: { schemas: sorted },
  }
  writeFileSync(new URL(file, import.meta.url), JSON.stringify(out, null, 1) + '\n')
}
