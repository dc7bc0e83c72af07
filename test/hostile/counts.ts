// SECURITY.md's numbers are those of the corpus.

import fs from 'node:fs'
import t from 'tap'
import { LIMIT_KEYS } from '../../src/archive/limits.ts'
import { CORPUS } from '../support/hostile/corpus.ts'
import { GROUNDS } from '../support/hostile/grounds.ts'

t.test('SECURITY.md counts right', (t) => {
  const page = fs.readFileSync(new URL('../../../SECURITY.md', import.meta.url), 'utf8')
  const counts = [...page.matchAll(/^\| .* \| +(\d+) \| /gm)].map(([, count]) => Number(count))
  t.same(counts, [
    CORPUS.length,
    CORPUS.filter((each) => each.advisory !== undefined).length,
    CORPUS.filter((each) => each.isHeavy).length,
    Object.keys(LIMIT_KEYS).length,
    GROUNDS.length,
  ])
  t.end()
})
