// The hostile corpus, each attack by one of its entrances, and its benign twin by another; every entrance, driver and
// form has its turn over the corpus.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { HOSTILE_CLASSES } from '../support/hostile/case.ts'
import { CORPUS } from '../support/hostile/corpus.ts'
import { manifestOf } from '../support/hostile/corpus-manifest.ts'
import { Ground } from '../support/hostile/ground.ts'
import { oldStore } from '../support/hostile/old-store.ts'
import { Trial } from '../support/hostile/trial.ts'
import { entrancesOf } from '../support/hostile/wrap.ts'
import { isRoot } from '../support/host.ts'
import { memoryDirectory } from '../support/temporary.ts'

const FIXTURE = new URL('../../../fixtures/hostile/hostile.json', import.meta.url)

t.test('the corpus is what it says', async (t) => {
  t.ok(CORPUS.length >= 120, `${CORPUS.length} attacks`)
  t.equal(new Set(CORPUS.map((each) => each.id)).size, CORPUS.length, 'each has a name of its own')
  // Bombs are not in the corpus yet: what bounds them is tested with the limits.
  for (const kind of HOSTILE_CLASSES.filter((each) => each !== 'bomb')) {
    t.ok(CORPUS.filter((each) => each.class === kind).length >= 8, `${kind} is covered`)
  }
  const listed = JSON.parse(fs.readFileSync(FIXTURE, 'utf8')) as unknown
  t.same(
    listed,
    manifestOf(CORPUS),
    'fixtures/hostile/hostile.json lists it: node dist/test/support/make-hostile.js',
  )
})

/** Light ones; what takes time and memory is test/hostile/bombs.ts's. */
const light = CORPUS.filter((each) => !each.isHeavy)

for (const [turn, { driver, form }] of (
  [
    { driver: 'overlay2', form: undefined },
    { driver: 'vfs', form: 'user' },
    { driver: 'overlay2', form: 'none' },
  ] as const
).entries()) {
  t.test(`driver ${driver}, form ${form ?? (isRoot ? 'trusted' : 'user')}`, async (t) => {
    const ground = new Ground(memoryDirectory(t))
    await oldStore(ground, driver, form)
    for (const [index, hostile] of light.entries()) {
      if (index % 3 !== turn) continue
      const problems: string[] = []
      for (const which of ['build', 'twin'] as const) {
        ground.clearScratch()
        const payload = hostile[which](ground.canaries)
        const entrances = entrancesOf(payload, ground.scratch).filter(
          ({ verb }) => verb === 'load' || hostile.isForImport !== false,
        )
        const entrance = entrances[(index + (which === 'twin' ? 1 : 0)) % entrances.length]!
        // Every seventh goes the long way, so that all that reads has met all classes.
        const trial = new Trial(ground, { driver, isThorough: index % 7 === 0 })
        if (which === 'build') await trial.hostile(hostile, entrance)
        else await trial.twin(hostile, entrance)
        problems.push(
          ...trial.problems.map((problem) => `${which} as ${entrance.name}: ${problem}`),
        )
      }
      t.same(problems, [], hostile.id)
    }
    t.same(fs.readdirSync(path.join(ground.canaries.dir, 'dir')).sort(), ['keep', 'secret'])
  })
}
