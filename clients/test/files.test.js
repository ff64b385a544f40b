// The official clients on files: uploaded, looked at, named in requests, deleted.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toFile } from 'openai'
import { lines, setStage } from '../stage.js'

const stage = await setStage()
const { upstream } = stage
const email = 'ada.lovelace@example.com'
const notes = `Smør, and ${email}\n`
const png = Buffer.from('iVBORw0KGgoAAAANSUhEUg==', 'base64')

for (const line of lines) {
  const client = stage.client(line)
  const name = (what) => `openai ${line.version}: ${what}`
  const upload = async (bytes, filename, more) => client.files.create({ file: await toFile(Buffer.from(bytes), filename), purpose: 'user_data', ...more })

  test(name('create, list, retrieve, content, delete'), async () => {
    for await (const f of client.files.list()) await client.files.delete(f.id) // of other tests
    const file = await upload(notes, 'nøtes.txt', { expires_after: { anchor: 'created_at', seconds: 3600 } })
    assert.deepEqual([file.object, file.bytes, file.filename, file.purpose, file.status], ['file', Buffer.byteLength(notes), 'nøtes.txt', 'user_data', 'processed'])
    assert.equal(file.expires_at, file.created_at + 3600)
    assert.deepEqual(await client.files.retrieve(file.id), file)
    assert.equal(await (await client.files.content(file.id)).text(), notes)
    const more = [await upload(notes, 'b.txt'), await upload(notes, 'c.txt', { purpose: 'vision' })]
    const all = []
    for await (const f of client.files.list({ limit: 1, order: 'asc' })) all.push(f.id)
    assert.deepEqual(all, [file, ...more].map((f) => f.id))
    assert.deepEqual((await client.files.list({ purpose: 'vision' })).data.map((f) => f.id), [more[1].id])
    for (const id of all) assert.deepEqual(await client.files.delete(id), { id, object: 'file', deleted: true })
    await assert.rejects(client.files.retrieve(file.id), { status: 404 })
    assert.equal((await client.files.list()).data.length, 0)
  })

  test(name('what is refused'), async () => {
    await assert.rejects(upload(notes, 'a.jsonl', { purpose: 'batch' }), { status: 400, code: 'unsupported_parameter' })
    await assert.rejects(upload('', 'empty.txt'), { status: 400, type: 'invalid_request_error' })
  })

  // On a provider of the client's own API, and on one of another.
  for (const prefix of ['mock', 'chat']) {
    test(name(`named in a response, ${prefix}`), async () => {
      const [text, image] = [await upload(notes, 'notes.txt'), await upload(png, 'a.png', { purpose: 'vision' })]
      const answer = await client.responses.create({
        model: `${prefix}-echo`,
        input: [{ role: 'user', content: [{ type: 'input_file', file_id: text.id }, { type: 'input_image', file_id: image.id, detail: 'auto' }] }],
      })
      assert.equal(answer.output_text, `File "notes.txt":\n\n${notes}`)
      const { raw } = upstream.last()
      assert.ok(raw.includes(`data:image/png;base64,${png.toString('base64')}`) && !raw.includes('lovelace') && !raw.includes(text.id), raw)
      await assert.rejects(client.responses.create({ model: `${prefix}-echo`, input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'file-none' }] }] }), { status: 404 })
    })
  }

  test(name('named in a chat'), async () => {
    const text = await upload(notes, 'notes.txt')
    const answer = await client.chat.completions.create({
      model: 'mock-echo', messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: text.id } }] }],
    })
    assert.equal(answer.choices[0].message.content, `File "notes.txt":\n\n${notes}`)
    assert.ok(!upstream.last().raw.includes('lovelace'))
  })
}

test('anthropic: upload, list, metadata, download, in a message, delete', async () => {
  const client = stage.anthropic()
  const before = new Set()
  for await (const f of client.beta.files.list()) before.add(f.id)
  const files = []
  for (const filename of ['a.txt', 'b.txt', 'c.txt']) {
    files.push(await client.beta.files.upload({ file: await toFile(Buffer.from(notes), filename), betas: ['files-api-2025-04-14'] }))
  }
  const [file] = files
  assert.deepEqual([file.type, file.filename, file.mime_type, file.size_bytes], ['file', 'a.txt', 'text/plain', Buffer.byteLength(notes)])
  assert.deepEqual(await client.beta.files.retrieveMetadata(file.id), file)
  assert.equal(await (await client.beta.files.download(file.id)).text(), notes)
  const listed = []
  for await (const f of client.beta.files.list({ limit: 2 })) if (!before.has(f.id)) listed.push(f.id)
  assert.deepEqual(listed, files.map((f) => f.id).reverse())
  const answer = await client.beta.messages.create({
    model: 'mock-claude', max_tokens: 100, betas: ['files-api-2025-04-14'],
    messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'file', file_id: file.id } }, { type: 'text', text: 'Read.' }] }],
  })
  assert.equal(answer.content[0].text, 'Read.')
  assert.ok(upstream.last().raw.includes('Smør, and ⟦EMAIL_ADDRESS:'), upstream.last().raw)
  for (const f of files) assert.deepEqual(await client.beta.files.delete(f.id), { id: f.id, type: 'file_deleted' })
  await assert.rejects(client.beta.files.retrieveMetadata(file.id), { status: 404 })
})
