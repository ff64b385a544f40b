// The judge of bytes itself: what is right passes, and what is wrong does not.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertSame, expected, hidden, members } from './bytes.js'

const raw = '{"a":"x,\\"}{","model":"m","metadata":{"n":[1,{"o":2.0}]},"z":[{},"ü"]}'

test('members are found whatever their strings hold', () => {
  assert.deepEqual(members(raw).map((m) => m.key), ['a', 'model', 'metadata', 'z'])
  assert.equal(members(raw).map((m) => m.text).join(','), raw.slice(1, -1))
})

test('what is expected differs in the model and what is removed', () => {
  assert.equal(expected(raw, { model: 'n', removed: ['metadata'] }), '{"a":"x,\\"}{","model":"n","z":[{},"ü"]}')
})

test('another byte is told by its place', () => {
  assertSame(raw, raw)
  assert.throws(() => assertSame(raw.replace('2.0', '2'), raw), new RegExp(`at ${raw.indexOf('.0}')} of`))
})

test('one value has one placeholder', () => {
  const seen = new Map()
  assert.equal(hidden('to a@b, a@b', 'to ⟦E:1⟧, ⟦E:1⟧', ['a@b', 'c@d'], seen), 'to ⟦E:1⟧, ⟦E:1⟧')
  assert.throws(() => hidden('to a@b', 'to ⟦E:2⟧', ['a@b'], seen), /changed/)
  assert.throws(() => hidden('to a@b', 'to a@b', ['a@b'], new Map()))
})
