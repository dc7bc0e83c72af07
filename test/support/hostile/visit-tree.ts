// Every inode of a tree by lstat, to any depth and for any bytes as names: a layer may hold paths that are longer than
// one call takes. Follows no link of the tree; knows nothing of what is looked for.

import fs from 'node:fs'

/** The kernel takes 4095 bytes at once, and looks up each name in them anew. */
const PATH_BYTES_MAX = 400

/** How to reach an entry in one call. */
export type Reach = Buffer

export interface Visited {
  readonly reach: Reach
  /** Below the top, as latin1: '' is the top itself. */
  readonly name: string
  readonly status: fs.BigIntStats
}

/** @param visit tells whether to go on below a directory; entries come in byte order */
export function visitTree(top: string, visit: (entry: Visited) => boolean): void {
  below(Buffer.from(top), '', visit)
}

function below(reach: Reach, name: string, visit: (entry: Visited) => boolean): void {
  const status = fs.lstatSync(reach, { bigint: true })
  if (!visit({ reach, name, status }) || !status.isDirectory()) return
  const isFar = reach.length > PATH_BYTES_MAX
  const fd = isFar ? fs.openSync(reach, fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW) : -1
  try {
    const at = isFar ? Buffer.from(`/proc/self/fd/${fd}`) : reach
    for (const child of fs.readdirSync(at, 'buffer').sort((a, b) => a.compare(b))) {
      below(
        Buffer.concat([at, Buffer.from('/'), child]),
        `${name === '' ? '' : `${name}/`}${child.toString('latin1')}`,
        visit,
      )
    }
  } finally {
    if (isFar) fs.closeSync(fd)
  }
}
