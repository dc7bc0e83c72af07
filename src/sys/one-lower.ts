// Worker: the overlay of one directory alone. The kernel wants at least two ("at least 2 lowerdir are needed while upperdir
// nonexistent"), so an empty one goes below it: a directory of a tmpfs that nothing but this overlay ever has.
//
// Before Linux 6.15 a layer must be mounted in the caller's mount namespace (clone_private_mount), so this thread takes a
// namespace of its own. The overlay keeps the layers by itself; the namespace goes with the thread, also when the process
// is killed, and nothing was ever on a disk or in anybody else's mount table. The thread ends after one mount.

import { parentPort, workerData } from 'node:worker_threads'
import { AT_FDCWD, close } from './file-calls.ts'
import { SYS, cText, checked, libc } from './libc.ts'
import {
  FSCONFIG_STRING_MAX,
  attach,
  makeMount,
  type Parameter,
  type Refusal,
} from './make-mount.ts'
import type { OneLower } from './mount-one-lower.ts'

const CLONE_FS = 0x200
const CLONE_NEWNS = 0x20000
const MS_REC = 16384
const MS_PRIVATE = 1 << 18
const OPEN_TREE_CLONE = 1
const OPEN_TREE_CLOEXEC = 0o2000000
/** As mount tables show it, beside the directory. */
const EMPTY = 'empty'
const LAYER = 'layer'

function makeOneLower({ lower, options, attributes, single }: OneLower): number | Refusal {
  const c = libc()
  const unshared = checked(c.unshare(CLONE_FS | CLONE_NEWNS))
  if (unshared < 0) return { syscall: 'unshare', errno: -unshared }
  // Else what is mounted here would show in every namespace that this one was copied from.
  const apart = checked(c.mount(null, cText('/'), null, MS_REC | MS_PRIVATE, null))
  if (apart < 0) return { syscall: 'mount', errno: -apart }
  const tmpfs = makeMount('tmpfs', [], 0)
  if (typeof tmpfs !== 'number') return tmpfs
  try {
    // Over the root, and so over no name: a walk begins below whatever is mounted there.
    const moved = attach(tmpfs, '/')
    if (moved < 0) return { syscall: 'move_mount', errno: -moved }
    const entered = checked(c.fchdir(tmpfs))
    if (entered < 0) return { syscall: 'fchdir', errno: -entered }
    const made = checked(c.mkdirat(AT_FDCWD, cText(EMPTY), 0o755))
    if (made < 0) return { syscall: 'mkdir', errno: -made }
    const name = isSayable(lower, single) ? lower : LAYER
    if (name === LAYER) {
      const bound = bind(lower)
      if (bound !== undefined) return bound
    }
    const lowers: Parameter[] = single
      ? [
          ['lowerdir+', name],
          ['lowerdir+', EMPTY],
        ]
      : [['lowerdir', `${name}:${EMPTY}`]]
    // A source that cannot be said either is but a name.
    const sayable = options.filter(([, value]) => Buffer.byteLength(value) <= FSCONFIG_STRING_MAX)
    return makeMount('overlay', [...lowers, ...sayable], attributes)
  } finally {
    close(tmpfs)
  }
}

/** Before `lowerdir+` all are one string, in which a comma cannot be said at all (legacy_parse_param). */
function isSayable(lower: string, single: boolean): boolean {
  if (single) return Buffer.byteLength(lower) <= FSCONFIG_STRING_MAX
  return Buffer.byteLength(`${lower}:${EMPTY}`) <= FSCONFIG_STRING_MAX && !/[\\:,]/.test(lower)
}

/** Under a name that can be said. */
function bind(lower: string): Refusal | undefined {
  const c = libc()
  const made = checked(c.mkdirat(AT_FDCWD, cText(LAYER), 0o755))
  if (made < 0) return { syscall: 'mkdir', errno: -made }
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC
  const tree = checked(c.openTree(SYS.openTree, AT_FDCWD, cText(lower), flags))
  if (tree < 0) return { syscall: 'open_tree', errno: -tree }
  const moved = attach(tree, LAYER)
  close(tree)
  return moved < 0 ? { syscall: 'move_mount', errno: -moved } : undefined
}

parentPort?.postMessage(makeOneLower(workerData as OneLower))
