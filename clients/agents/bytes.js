// What a provider of the client's own API is to get, told from the client's bytes
// and from nothing that was parsed: a body whose members are cut out or put in
// another's place, the rest as it is.

import assert from 'node:assert/strict'

// assertSame fails at the first place where got, a text, is not want.
export function assertSame(got, want) {
  if (got === want) return
  let at = 0
  while (got[at] === want[at]) at++
  const around = (text) => JSON.stringify(text.slice(Math.max(0, at - 80), at + 80))
  assert.fail(`at ${at} of ${got.length}: got ${around(got)}, want ${around(want)}`)
}

// hidden is want with the values that data protection hid in got, each by the one
// placeholder that got has for it. seen keeps placeholders by value, for they must
// stay the same from one request to the next: providers cache prompts by their bytes.
export function hidden(want, got, values, seen) {
  const placeholders = [...new Set(got.match(/⟦[^⟦⟧]+⟧/g))]
  const found = values.filter((v) => want.includes(v)).sort((a, b) => want.indexOf(a) - want.indexOf(b))
  assert.equal(placeholders.length, found.length, `${placeholders} for ${found}`)
  found.forEach((value, i) => {
    assert.equal(seen.get(value) ?? placeholders[i], placeholders[i], `the placeholder of ${value} changed`)
    seen.set(value, placeholders[i])
    want = want.replaceAll(value, placeholders[i])
  })
  return want
}

// expected is raw, a JSON object without spaces around its members, less the
// members in removed and with model as its model.
export function expected(raw, { model, removed }) {
  const kept = members(raw).filter(({ key }) => !removed.includes(key))
    .map(({ key, text }) => (key === 'model' ? `"model":${JSON.stringify(model)}` : text))
  return `{${kept.join(',')}}`
}

// members are the members of an object, each with its key and its whole text.
export function members(raw) {
  const found = []
  let depth = 0
  let from = 1
  for (let i = 0; i < raw.length; i++) {
    const c = raw[i]
    if (c === '"') i = stringEnd(raw, i)
    else if (c === '{' || c === '[') depth++
    else if (c === '}' || c === ']') depth--
    if ((c === ',' && depth === 1) || depth === 0) {
      const text = raw.slice(from, i)
      found.push({ key: JSON.parse(text.slice(0, stringEnd(text, 0) + 1)), text })
      from = i + 1
    }
  }
  return found
}

// stringEnd is where the string that begins at i has its closing quote.
function stringEnd(text, i) {
  for (i++; text[i] !== '"'; i++) if (text[i] === '\\') i++
  return i
}
