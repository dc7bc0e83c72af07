// The test that both runs share, the short one and the long one: no reader sees in silence what shale does not see.

import { deflateRawSync } from 'node:zlib'
import type { Test } from 'tap'
import { temporaryDirectory } from '../temporary.ts'
import { compareReaders } from './compare.ts'
import { mutatedTars } from './mutated-tars.ts'
import { gnuTarIsMissing, pythonIsMissing } from './readers.ts'

/** These are about files, not about how a tar is read: they do not count. */
const NOT_ABOUT_READING =
  /^(?:non-reproducible|future-time|setuid-file|capability-file|case-collision|wasted-bytes|absurd-size):/

/** Of a batch; more would be held in memory at once. */
const BATCH = 10_000

/** @param gnuTarEvery of so many tars one is shown to GNU tar */
export async function holdReaders(
  t: Test,
  { count, seed, gnuTarEvery }: { count: number; seed: number; gnuTarEvery: number },
): Promise<void> {
  const noPython = pythonIsMissing()
  const noGnuTar = gnuTarIsMissing()
  for (const reason of [noPython, noGnuTar]) if (reason !== false) t.comment(reason)
  const work = temporaryDirectory(t)
  const silent: string[] = []
  const total = { taken: 0, refused: 0, agreed: 0, told: 0 }
  const tars = mutatedTars(count, seed)
  for (let left = count; left > 0; left -= BATCH) {
    const batch: Buffer[] = []
    while (batch.length < Math.min(BATCH, left)) batch.push(tars.next().value as Buffer)
    const compared = await compareReaders(batch, {
      python: noPython === false,
      gnuTarEvery: noGnuTar === false ? gnuTarEvery : 0,
      work,
    })
    total.taken += compared.taken
    total.refused += compared.refused
    total.agreed += compared.agreed
    for (const { reader, ours, theirs, lint, tar } of compared.disagreements) {
      if (lint.some((finding) => !NOT_ABOUT_READING.test(finding))) total.told++
      else {
        const lists = JSON.stringify({ ours, theirs }, null, 1).slice(0, 3000)
        const packed = deflateRawSync(tar).toString('base64')
        silent.push(`${reader}: ${lists}\nthe tar, deflated and in base64: ${packed}`)
      }
    }
  }
  t.comment(
    `${count} tars from seed ${seed}: ${total.taken} taken, ${total.refused} refused; by other readers ${total.agreed} listed alike, ${total.told} otherwise with a finding`,
  )
  t.same(silent.slice(0, 10), [], 'no reader sees anything else without a finding')
  // What is changed so much that nobody takes it would prove nothing, and neither would what changes nothing.
  t.ok(total.taken > count / 4 && total.refused > count / 10)
  if (noPython === false || noGnuTar === false) t.ok(total.agreed > 0 && total.told > 0)
}
