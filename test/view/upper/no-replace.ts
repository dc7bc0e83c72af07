// On a file system that knows none of renameat2's flags, as NFS and CIFS: new names are made all the same.

import { refuseCalls } from '../../support/refused-calls.ts'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { UnionFs } from '../../../src/unionfs/union-fs.ts'
import type { DiskForm } from '../../../src/view/disk-form.ts'
import { DirectoryUpper } from '../../../src/view/upper/directory-upper.ts'
import { isRoot } from '../../support/host.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

const FORMS: readonly DiskForm[] = [...(isRoot ? ['trusted' as const] : []), 'plain', 'none']
let refused = 0

refuseCalls((name, args) => {
  const isFlagged = name === 'renameat2' && args[4] !== 0
  if (isFlagged) refused++
  return isFlagged ? os.constants.errno.EINVAL : 0
})

for (const form of FORMS) {
  t.test(`form ${form}`, async (t) => {
    const home = temporaryDirectory(t)
    const [upper, work] = ['upper', 'work'].map((name) => path.join(home, name)) as [string, string]
    for (const directory of [upper, work]) fs.mkdirSync(directory)
    const id = isRoot && form === 'trusted' ? 1000 : process.geteuid!()
    await using union = new UnionFs(
      { lowers: [], upper: new DirectoryUpper(upper, { form, work }) },
      { creator: { uid: id, gid: isRoot && form === 'trusted' ? 1000 : process.getegid!() } },
    )
    await union.mkdir('/d', { mode: 0o750 })
    await union.writeFile('/d/f', 'text')
    await union.symlink('f', '/d/l')
    t.ok(refused > 0, 'it was asked for, and refused')
    t.equal(await union.readFile('/d/l', 'utf8'), 'text')
    t.equal((await union.stat('/d')).mode & 0o7777, 0o750)
    await t.rejects(union.mkdir('/d'), { code: 'EEXIST' })
    await t.rejects(union.writeFile('/d/f', 'other', { flag: 'wx' }), { code: 'EEXIST' })
    await union.unlink('/d/f')
    await union.writeFile('/d/f', 'again')
    t.same(fs.readdirSync(path.join(upper, 'd')).toSorted(), ['f', 'l'])
    t.equal(await union.readFile('/d/f', 'utf8'), 'again')
    t.same(fs.readdirSync(path.join(work, 'work')), [], 'nothing is left aside')
  })
}
