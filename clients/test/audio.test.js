// The official client on audio transcriptions, in all forms of an answer.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toFile } from 'openai'
import { lines, setStage } from '../stage.js'

const stage = await setStage()
const { upstream } = stage
const email = 'ada.lovelace@example.com'
const sound = Buffer.from([0x49, 0x44, 0x33, 0xff, 0xfb, 0, 13, 10, 45, 45, 0xff])

for (const line of lines) {
  const client = stage.client(line)
  const name = (what) => `openai ${line.version}: ${what}`
  const transcribe = async (more) => client.audio.transcriptions.create({ file: await toFile(sound, 'Smør.mp3', { type: 'audio/mpeg' }), model: 'mock-whisper', ...more })

  test(name('json'), async () => {
    const answer = await transcribe({ prompt: `Ask ${email}`, language: 'en', temperature: 0.2 })
    assert.deepEqual([answer.text, answer.usage], ['Hello, Smør.', { type: 'duration', seconds: 3 }])
    const form = upstream.last().form
    assert.equal(form.get('model'), 'whisper')
    assert.match(form.get('prompt'), /^Ask ⟦EMAIL_ADDRESS:\w+⟧$/)
    assert.deepEqual([form.get('language'), form.get('temperature')], ['en', '0.2'])
    assert.deepEqual([form.get('file').name, form.get('file').type], ['Smør.mp3', 'audio/mpeg'])
    assert.deepEqual(Buffer.from(await form.get('file').arrayBuffer()), sound)
  })

  for (const [response_format, want] of [
    ['text', 'Hello, Smør.\n'],
    ['srt', '1\n00:00:00,000 --> 00:00:03,000\nHello, Smør.\n\n'],
    ['vtt', 'WEBVTT\n\n00:00:00.000 --> 00:00:03.000\nHello, Smør.\n\n'],
  ]) {
    test(name(response_format), async () => assert.equal(await transcribe({ response_format }), want))
  }

  test(name('verbose_json'), async () => {
    const answer = await transcribe({ response_format: 'verbose_json', timestamp_granularities: ['word', 'segment'] })
    assert.deepEqual([answer.text, answer.duration, answer.segments[0].text, answer.words[1].word], ['Hello, Smør.', 3, ' Hello, Smør.', 'Smør'])
    assert.deepEqual(upstream.last().form.getAll('timestamp_granularities[]'), ['word', 'segment'])
  })

  test(name('a stream'), async () => {
    const events = []
    for await (const event of await transcribe({ stream: true })) events.push(event)
    assert.ok(events.slice(0, -1).every((e) => e.type === 'transcript.text.delta') && events.length > 2, JSON.stringify(events))
    assert.equal(events.at(-1).type, 'transcript.text.done')
    assert.equal(events.map((e) => e.delta ?? '').join(''), 'Hello, Smør.')
    assert.equal(events.at(-1).text, 'Hello, Smør.')
    assert.equal(events.at(-1).usage.total_tokens, 23)
  })

  test(name('offline'), async () => {
    const answer = await transcribe({ model: 'offline-1' })
    assert.match(answer.text, /a script, not an AI/)
  })

  test(name('what is refused'), async () => {
    const before = upstream.calls.length
    await assert.rejects(transcribe({ model: 'mock-claude' }), { status: 400, code: 'unsupported_parameter' })
    await assert.rejects(transcribe({ model: 'mock-none' }), { status: 400, code: 'model_not_found' })
    await assert.rejects(transcribe({ response_format: 'srt', stream: true }), { status: 400, type: 'invalid_request_error' })
    assert.equal(upstream.calls.length, before)
  })
}
