// The picture is one well-formed element that needs nothing from elsewhere, whatever names are in the layers.

import t from 'tap'
import { explainStack, type ExplainedLayer } from '../../src/explain/explain.ts'
import { explanationPicture } from '../../src/explain/picture.ts'
import { file, memoryLayer, whiteout } from '../support/memory-layer.ts'

/** Enough of XML for what the picture writes: elements, quoted attributes, five entities. @returns their names */
function elementsOf(xml: string): string[] {
  const names: string[] = []
  const open: string[] = []
  let rest = xml.trim()
  while (rest !== '') {
    const tag = /^<(\/?)([a-z]+)((?: [a-zA-Z:-]+="[^"<]*")*)(\/?)>/.exec(rest)
    if (tag) {
      const [whole, closes, name, attributes, empty] = tag
      if (/&(?!(amp|lt|gt|quot);)/.test(attributes!)) throw new Error(`entity in ${whole}`)
      if (closes) {
        if (open.pop() !== name) throw new Error(`</${name}> closes nothing`)
      } else {
        names.push(name!)
        if (!empty) open.push(name!)
      }
      rest = rest.slice(whole.length)
    } else {
      const text = /^[^<]+/.exec(rest)?.[0]
      if (text === undefined) throw new Error(`no element: ${rest.slice(0, 60)}`)
      if (/&(?!(amp|lt|gt|quot);)/.test(text)) throw new Error(`entity in ${text}`)
      rest = rest.slice(text.length)
    }
  }
  if (open.length > 0) throw new Error(`${open.join()} stays open`)
  return names
}

const labels = (...names: string[]): ExplainedLayer[] =>
  names.map((label) => ({ label, role: 'lower', directory: `/${label}` }))

t.test('a column for each component, a row for each layer', async (t) => {
  const layers = [memoryLayer(whiteout('d/f')), memoryLayer(file('d/f')), memoryLayer(file('d/g'))]
  const [first, ...lower] = labels('U', '2', '1')
  const explanation = explainStack(layers, [{ ...first!, role: 'upper' }, ...lower], {
    subject: 'app:1',
    path: '/d/f',
    form: 'trusted',
    op: 'mkdir',
  })
  for (const language of ['en', 'zh'] as const) {
    const picture = explanationPicture(explanation, { language })
    const names = elementsOf(picture)
    t.equal(names.filter((name) => name === 'g').length, 2 * 3, 'a box for each')
    t.equal(names.filter((name) => name === 'svg').length, 1)
    t.notMatch(picture.replace('http://www.w3.org/2000/svg', ''), /https?:|url\(|@import|href/)
    t.match(picture, language === 'en' ? 'opaque, as is every directory' : '并标为 opaque')
    t.match(picture, 'prefers-color-scheme:dark')
  }
})

t.test('names are text and nothing else', async (t) => {
  const name = '<script>&"\u001b[31m'
  const explanation = explainStack([memoryLayer(file(name))], labels('1'), {
    subject: name,
    path: `/${name}`,
    form: 'trusted',
  })
  t.equal(explanation.found, true)
  const picture = explanationPicture(explanation)
  t.notOk(elementsOf(picture).includes('script'))
  t.notMatch(picture, '\u001b')
})

t.test('layers that hold nothing stand together where there are many', async (t) => {
  const empty = Array.from({ length: 100 }, () => memoryLayer())
  const layers = [memoryLayer(file('a')), ...empty, memoryLayer(file('a'))]
  const names = layers.map((_, index) => String(layers.length - index))
  const picture = explanationPicture(
    explainStack(layers, labels(...names), { subject: 'deep', path: '/a', form: 'trusted' }),
  )
  t.match(picture, '100 more layers')
  t.equal(elementsOf(picture).filter((name) => name === 'g').length, 2)
})
