// A /dev/fuse that cannot be opened: what is said of each, as root, in a mount namespace where it is such a one.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { MAIN, cleanEnvironment, withoutLoader } from '../../support/cli.ts'
import { fuseSkip } from '../../support/fuse-for-users.ts'
import { isRoot } from '../../support/host.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

const skip = fuseSkip() || (!isRoot && 'needs root')
const MERGE = '--view merge writes the tree out instead'

/** Minor 250 of the miscellaneous devices is nobody's. */
const CASES: readonly (readonly [name: string, script: string, message: RegExp])[] = [
  [
    'none',
    'mkdir "$1/dev" && for f in null urandom; do touch "$1/dev/$f" && mount --bind "/dev/$f" "$1/dev/$f" || exit; done; mount --rbind "$1/dev" /dev',
    /there is no \/dev\/fuse on this host; load it \(modprobe fuse\), start a container with --device \/dev\/fuse, or /,
  ],
  [
    'one where devices are not opened',
    'mkdir "$1/d" && mount -t tmpfs -o nodev none "$1/d" && mknod "$1/d/fuse" c 10 229 && mount --bind "$1/d/fuse" /dev/fuse',
    /\/dev\/fuse cannot be opened \((?:EACCES|EPERM)\); make it readable .* start a container with --device \/dev\/fuse, or /,
  ],
  [
    'one behind which nothing is',
    'mkdir "$1/d" && mount -t tmpfs -o dev none "$1/d" && mknod "$1/d/fuse" c 10 250 && mount --bind "$1/d/fuse" /dev/fuse',
    /\/dev\/fuse cannot be opened \((?:ENODEV|ENXIO)\); load it into the kernel \(modprobe fuse\), or /,
  ],
]

for (const [name, script, message] of CASES) {
  t.test(`/dev/fuse: ${name}`, { skip }, async (t) => {
    const home = temporaryDirectory(t)
    const at = (part: string): string => path.join(home, part)
    for (const part of ['low', 'm', 'own']) fs.mkdirSync(at(part))
    const overlay = ['overlay', '--view', 'fuse', '-o', `lowerdir=${at('low')}`, at('m')]
    const made = `mount --make-rprivate / && { ${script}; } && shift && exec "$@"`
    const command = [process.execPath, MAIN, ...overlay]
    const apart = ['unshare', '--mount', 'sh', '-c', made, 'sh', at('own'), ...command]
    const { status, stderr } = spawnSync(...withoutLoader(apart), {
      env: cleanEnvironment(),
      encoding: 'utf8',
    })
    t.match(stderr, message)
    t.match(stderr, 'by FUSE: ')
    t.match(stderr, MERGE)
    t.equal(status, 1)
  })
}
