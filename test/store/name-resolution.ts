import t from 'tap'
import type { ImageID } from '../../src/digest/digest.ts'
import { parseReference } from '../../src/reference/reference.ts'
import { resolveName } from '../../src/store/name-resolution.ts'
import { References } from '../../src/store/references.ts'

const image = (start: string): ImageID => `sha256:${start.padEnd(64, '0')}` as ImageID
const ids = [image('abc1'), image('abc2'), image('beef')]
const references = new References()
  .with(parseReference('app:1'), ids[0]!)
  .with(parseReference('app:latest'), ids[1]!)
  .with(parseReference('abc1:latest'), ids[2]!)
  .with(parseReference(`app@sha256:${'d'.repeat(64)}`), ids[0]!)

t.test('what docker finds', (t) => {
  const cases: [string, ImageID][] = [
    ['app', ids[1]!],
    ['app:1', ids[0]!],
    ['docker.io/library/app:1', ids[0]!],
    [`app@sha256:${'d'.repeat(64)}`, ids[0]!],
    [`app:1@sha256:${'d'.repeat(64)}`, ids[0]!],
    [`app:latest@sha256:${'d'.repeat(64)}`, ids[0]!], // the tag is another image's, and does not count
    [`app:none@sha256:${'d'.repeat(64)}`, ids[0]!],
    [ids[0]!, ids[0]!],
    [ids[0]!.slice(7), ids[0]!],
    ['abc2', ids[1]!],
    ['sha256:abc2', ids[1]!],
    ['beef', ids[2]!],
    ['b', ids[2]!],
    ['abc1', ids[2]!], // a name goes before an ID prefix
  ]
  for (const [text, id] of cases) t.equal(resolveName(text, ids, references).id, id, text)
  t.end()
})

t.test('only a name says which name it was', (t) => {
  t.equal(resolveName('app', ids, references).reference?.tag, 'latest')
  t.equal(resolveName('beef', ids, references).reference, undefined)
  t.end()
})

t.test('what docker refuses, in its words', (t) => {
  t.throws(() => resolveName('abc', ids, references), {
    code: 'ERR_AMBIGUOUS_ID',
    message: /Multiple IDs found with provided prefix: abc/,
  })
  t.throws(() => resolveName('nothing', ids, references), {
    code: 'ERR_IMAGE_NOT_FOUND',
    message: 'No such image: nothing:latest',
  })
  t.throws(() => resolveName(`app:1@sha256:${'e'.repeat(64)}`, ids, references), {
    code: 'ERR_IMAGE_NOT_FOUND',
    message: `No such image: app:1@sha256:${'e'.repeat(64)}`,
  })
  t.throws(() => resolveName(image('f'), ids, references), { code: 'ERR_IMAGE_NOT_FOUND' })
  t.throws(() => resolveName('UPPER', ids, references), { code: 'ERR_REFERENCE_SYNTAX' })
  t.throws(() => resolveName('', ids, references), { code: 'ERR_REFERENCE_SYNTAX' })
  t.end()
})
