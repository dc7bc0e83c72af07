// The bombs, each in a process of its own: it ends, its memory stays within what is promised, the store is as before.

import fs from 'node:fs'
import t from 'tap'
import { isInterop } from '../support/host.ts'
import type { HostileCase } from '../support/hostile/case.ts'
import { CORPUS } from '../support/hostile/corpus.ts'
import { Ground } from '../support/hostile/ground.ts'
import { measured, PEAK_BYTES_MAX, type Measured } from '../support/hostile/measured.ts'
import { oldStore } from '../support/hostile/old-store.ts'
import { entrancesOf } from '../support/hostile/wrap.ts'
import { memoryDirectory } from '../support/temporary.ts'

const only = process.env['SHALE_TEST_CASE']

/** Each is some seconds of work: in `npm test` a third of them, others each time; all in `test:interop`. */
function taken(): readonly HostileCase[] {
  const heavy = CORPUS.filter((each) => each.isHeavy && each.id.includes(only ?? ''))
  if (isInterop || only !== undefined) return heavy
  const first = Math.floor(Math.random() * 3)
  return heavy.filter((_, i) => i % 3 === first)
}

t.test('heavy ones', async (t) => {
  const ground = new Ground(memoryDirectory(t))
  await oldStore(ground, 'overlay2')
  const outside = ground.outside()
  for (const hostile of taken()) {
    const problems: string[] = []
    const run = (...args: readonly string[]): Measured => {
      const done = measured(ground, args)
      const what = `${hostile.id} ${args[0]!}: ${(done.peakBytes / 2 ** 20).toFixed(0)} MiB, ${done.seconds.toFixed(1)} s`
      t.comment(what)
      if (!(done.peakBytes <= PEAK_BYTES_MAX)) problems.push(`${what}: more memory than promised`)
      if (done.stderr.length > 20_000)
        problems.push(`${what}: ${done.stderr.length} characters on stderr`)
      return done
    }
    ground.clearScratch()
    const inside = ground.inside()
    const limits = (hostile.limits ?? []).flatMap((limit) => ['--limit', limit])
    const [entrance] = entrancesOf(hostile.build(ground.canaries), ground.scratch)
    const done = run('load', '-q', '--no-sync', ...limits, '-i', entrance!.input)
    const isHarmless = hostile.expect === 'harmless' || hostile.expect.includes('harmless')
    if (done.code === 0 && isHarmless) {
      const id = /Loaded image(?: ID)?: (\S+)/.exec(done.stdout)?.[1] ?? ''
      if (hostile.id.endsWith('sparse-within-bounds')) {
        const target = `${ground.scratch}/merge`
        fs.mkdirSync(target)
        for (const args of [
          ['mount', '--view', 'merge', id, target],
          ['umount', target],
        ]) {
          const shown = run(...args)
          if (shown.code !== 0) problems.push(`${args[0]!}: ${shown.stderr}`)
        }
      }
      for (const args of [
        ['ls', '-R', id],
        ['images'],
        ['inspect', id],
        ['rmi', '-f', imageID(done, run)],
      ]) {
        const looked = run(...args)
        if (looked.code !== 0) problems.push(`${args[0]!}: ${looked.stderr.slice(0, 500)}`)
      }
    } else if (done.code === 12 || done.code === 1) {
      const isNamed = hostile.names === undefined || done.stderr.includes(hostile.names)
      if (!isNamed) problems.push(`does not name ${hostile.names}: ${done.stderr.slice(0, 500)}`)
      if (hostile.expect === 'harmless') problems.push(`is refused: ${done.stderr.slice(0, 500)}`)
      if (ground.inside() !== inside) problems.push('the store is not as before')
    } else problems.push(`ended with ${done.code ?? done.signal}: ${done.stderr.slice(0, 500)}`)
    const linted = run('lint', entrance!.input)
    if (![0, 1, 12].includes(linted.code ?? -1))
      problems.push(
        `lint ended with ${linted.code ?? linted.signal}: ${linted.stderr.slice(0, 500)}`,
      )
    ground.clearScratch()
    const [twin] = entrancesOf(hostile.twin(ground.canaries), ground.scratch)
    const benign = run('load', '-q', '--no-sync', '-i', twin!.input)
    if (benign.code !== 0) problems.push(`the benign twin: ${benign.stderr.slice(0, 500)}`)
    t.same(problems, [], hostile.id)
  }
  t.equal(ground.outside(), outside, 'nothing outside of the root changed')
})

function imageID(done: Measured, run: (...args: readonly string[]) => Measured): string {
  const name = /Loaded image(?: ID)?: (\S+)/.exec(done.stdout)?.[1] ?? ''
  return run('inspect', '-f', '{{.Id}}', name).stdout.trim()
}
