import fc from 'fast-check'
import t from 'tap'
import { compareUTF8, encodeGoJSON, indentGoJSON, quoteGoJSON } from '../../src/image/go-json.ts'

t.test('escapes as encoding/json does', async (t) => {
  t.equal(
    quoteGoJSON('<a href="x">&\u2028\u2029'),
    '"\\u003ca href=\\"x\\"\\u003e\\u0026\\u2028\\u2029"',
  )
  t.equal(quoteGoJSON('<&>\u2028', false), '"<&>\\u2028"')
  t.equal(
    quoteGoJSON('\n\r\t\b\f\u0001\u007f\\/é😀'),
    '"\\n\\r\\t\\u0008\\u000c\\u0001\u007f\\\\/é😀"',
  )
  t.equal(quoteGoJSON('\ud800x'), '"\\ufffdx"')
})

t.test('sorts maps by bytes and leaves structs in order', async (t) => {
  t.equal(
    encodeGoJSON({ 10: 1, 9: 2, b: [], a: {}, é: null }),
    '{"10":1,"9":2,"a":{},"b":[],"é":null}',
  )
  t.equal(
    encodeGoJSON(
      new Map([
        ['b', 1n],
        ['a', 2n],
      ]),
    ),
    '{"b":1,"a":2}',
  )
  // U+FF5E is above the surrogates in UTF-16 and below U+1F600 in UTF-8.
  t.ok(compareUTF8('\uff5e', '\u{1f600}') < 0)
  t.equal(encodeGoJSON({ '\u{1f600}': 1, '\uff5e': 2 }), '{"\uff5e":2,"\u{1f600}":1}')
})

t.test('numbers', async (t) => {
  t.equal(
    encodeGoJSON([0, -0, 1.5, 1e21, 1e-7, 12345678901234567890n]),
    '[0,-0,1.5,1e+21,1e-7,12345678901234567890]',
  )
})

t.test('indents as json.Indent does', async (t) => {
  t.equal(
    indentGoJSON([{ a: [1, 2], b: {}, c: [] }], '    '),
    '[\n    {\n        "a": [\n            1,\n            2\n        ],\n        "b": {},\n        "c": []\n    }\n]',
  )
  t.equal(indentGoJSON({ 'a{["': 'x\\"},:' }, ' '), '{\n "a{[\\"": "x\\\\\\"},:"\n}')
})

t.test('any JSON value reads back as itself, indented or not', async () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const plain = JSON.parse(JSON.stringify(value)) as never
      const same = (text: string): boolean => {
        return encodeGoJSON(JSON.parse(text) as never) === encodeGoJSON(plain)
      }
      return same(encodeGoJSON(plain)) && same(indentGoJSON(plain, '  '))
    }),
  )
})
