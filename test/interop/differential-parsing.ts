// A hundred thousand tars that are nearly right: shale and Python's tarfile, libarchive (bsdtar's reader) and GNU tar list
// the same names, types, targets and sizes, or shale refuses, or lint says what is odd. GNU tar wants a process for each
// archive, and is shown every tenth. SHALE_TEST_SEED gives other ones.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { holdReaders } from '../support/differential/hold.ts'
import { mutatedTars } from '../support/differential/mutated-tars.ts'
import { listByPython } from '../support/differential/readers.ts'
import { unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const skip = unless({ interop: true, programs: ['python3', 'tar', 'bsdtar'] })

t.setTimeout(600_000)

t.test('readers of tars', { skip }, (t) =>
  holdReaders(t, {
    count: 100_000,
    seed: Number(process.env['SHALE_TEST_SEED'] ?? 1),
    gnuTarEvery: 10,
  }),
)

t.test('what libarchive is asked is what bsdtar lists', { skip }, async (t) => {
  const file = path.join(temporaryDirectory(t), 'some.tar')
  const tars = [...mutatedTars(300, 2)]
  const env = { ...process.env, LC_ALL: 'C.UTF-8' }
  let compared = 0
  for (const [i, { libarchive }] of (await listByPython(tars)).entries()) {
    if (libarchive === undefined) continue
    fs.writeFileSync(file, tars[i]!)
    const lines = spawnSync('bsdtar', ['-tvf', file], { env, encoding: 'latin1' }).stdout.split(
      '\n',
    )
    // bsdtar passes over what has no name, and says so.
    const named = libarchive.filter((member) => !/^\w+ (?:$| \d+$| -> )/.test(member))
    t.equal(lines.length - 1, named.length)
    compared++
  }
  t.ok(compared > 50)
})
