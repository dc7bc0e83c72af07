import fc from 'fast-check'
import t from 'tap'
import { safeJSON, safeLines, safeText } from '../../../cli/format/safe-text.ts'

t.test('what a terminal would obey is shown, not sent', async (t) => {
  t.equal(safeText('plain ünïcode 日本 😀'), 'plain ünïcode 日本 😀')
  t.equal(safeText('\u001b[31mred\u001b[0m'), '\\x1b[31mred\\x1b[0m')
  t.equal(safeText('a\nb\tc\rd'), 'a\\nb\\tc\\rd')
  t.equal(safeText('\u009b2J\u0007\u007f\u0000'), '\\x9b2J\\x07\\x7f\\x00')
  t.equal(safeText('user\u202enimda'), 'user\\u202enimda')
  t.equal(safeText('\ud800x'), '\ufffdx')
  t.equal(safeLines('a\n\tb\u001b]0;title\u0007\r'), 'a\n\tb\\x1b]0;title\\x07\\r')
})

t.test('no control character is left of any text', async () => {
  // oxlint-disable-next-line no-control-regex
  const controls = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom('\u001b', '\u009b', '\u202e', '\n'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
  })
  fc.assert(fc.property(text, (text) => !controls.test(safeText(text))))
  fc.assert(fc.property(text, (text) => !controls.test(safeLines(text).replace(/[\n\t]/g, ''))))
})

t.test('JSON stays the same JSON', async (t) => {
  t.equal(safeJSON('{"a":"\u009b\u202e"}'), '{"a":"\\u009b\\u202e"}')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const json of [JSON.stringify({ [text]: text }), JSON.stringify([text], null, '\t')]) {
        t.strictSame(JSON.parse(safeJSON(json)), JSON.parse(json))
      }
    }),
    { numRuns: 30 },
  )
})
