// POSIX ACLs of a layer by FUSE: the kernel asks for them where it asks for permissions (default_permissions).

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { unmountFuse } from '../../../src/sys/fuse-device.ts'
import { setXattr } from '../../../src/sys/xattr.ts'
import { mountByFuse } from '../../../src/view/fuse/mount-fuse.ts'
import { fuseSkip } from '../../support/fuse-for-users.ts'
import { unless } from '../../support/host.ts'
import { latin1 } from '../../support/layer-directory.ts'
import { memoryDirectory } from '../../support/temporary.ts'

const SOMEBODY = 1000
const SOMEBODY_ELSE = 1001
const NO_ID = 0xffffffff

/** struct posix_acl_xattr: the owner may read and write, `SOMEBODY` has `rights`, everybody else `others`. */
function acl(rights: number, others: number): Buffer {
  const entries = [
    [0x01, 6, NO_ID],
    [0x02, rights, SOMEBODY],
    [0x04, others, NO_ID],
    [0x10, 7, NO_ID],
    [0x20, others, NO_ID],
  ] as const
  const bytes = Buffer.alloc(4 + entries.length * 8)
  bytes.writeUInt32LE(2, 0)
  for (const [i, [tag, perm, id]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + i * 8)
    bytes.writeUInt16LE(perm, 6 + i * 8)
    bytes.writeUInt32LE(id, 8 + i * 8)
  }
  return bytes
}

t.test(
  'who is shut out and who is let in',
  { skip: fuseSkip() || unless({ root: true }) },
  async (t) => {
    const home = memoryDirectory(t)
    const [lower, upper, work, target] = ['lower', 'upper', 'work', 'shown'].map((name) => {
      const place = path.join(home, name)
      fs.mkdirSync(place)
      fs.chmodSync(place, 0o755)
      return place
    }) as [string, string, string, string]
    fs.chmodSync(home, 0o755)
    for (const [name, value] of [
      ['denied', acl(0, 4)],
      ['allowed', acl(4, 0)],
    ] as const) {
      const file = path.join(lower, name)
      fs.writeFileSync(file, name)
      if (setXattr(latin1(file), 'system.posix_acl_access', value) < 0) {
        t.comment('skipped: no ACLs here')
        return
      }
    }
    const upperOf = { directory: upper, work }
    await mountByFuse({ target, form: 'trusted', lowers: [lower], upper: upperOf })
    t.teardown(() => unmountFuse(target, { lazy: true }))
    const mayRead = (name: string, uid: number): boolean =>
      spawnSync('cat', [path.join(target, name)], { uid, gid: uid }).status === 0
    const asked = (): boolean[] =>
      ['denied', 'allowed'].flatMap((name) =>
        [SOMEBODY, SOMEBODY_ELSE].map((uid) => mayRead(name, uid)),
      )
    t.same(asked(), [false, true, true, false])
    // Copied up, with what they have.
    for (const name of ['denied', 'allowed']) fs.utimesSync(path.join(target, name), 1, 1)
    t.same(asked(), [false, true, true, false])
  },
)
