// All checks on one view. Those that want files in a lower layer have them prepared there before the view is opened;
// then all run again on files that are made in the view.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { LayerForm } from '../../src/driver/driver.ts'
import { systemNow } from '../../src/sys/clock.ts'
import { unmountFuse } from '../../src/sys/fuse-device.ts'
import { mountOverlay, unmount } from '../../src/sys/mount.ts'
import { MemoryUpper } from '../../src/union/memory-upper.ts'
import { UnionFs } from '../../src/unionfs/union-fs.ts'
import { DirectoryLayer } from '../../src/view/directory-layer.ts'
import { mountByFuse } from '../../src/view/fuse/mount-fuse.ts'
import { materialise } from '../../src/view/materialise.ts'
import { LayerStack } from '../../src/view/stack.ts'
import { DirectoryUpper } from '../../src/view/upper/directory-upper.ts'
import { DiskLayer } from '../../src/view/upper/disk-layer.ts'
import { isRoot } from '../support/host.ts'
import type { Subject } from '../support/union-operations.ts'
import { hostSubject, unionSubject } from '../support/union-subjects.ts'
import { fileChecks } from './files.ts'
import { namelessChecks } from './nameless.ts'
import { nameChecks } from './names.ts'
import { permissionChecks } from './permissions.ts'
import { renameChecks } from './rename.ts'
import { probeSpace, spaceChecks } from './space.ts'
import { timeChecks } from './times.ts'
import { runCheck, type Check, type Need, type Outcome } from './trial.ts'

export type ViewKind =
  | 'kernel'
  | 'fuse'
  /** As `overlay` shows directories to an ordinary user: files belong to whom the disk says. */
  | 'fuse, plain directories'
  | 'merge'
  | 'UnionFs in a directory'
  | 'UnionFs in memory'

const CHECKS: readonly Check[] = [
  ...renameChecks,
  ...fileChecks,
  ...namelessChecks,
  ...spaceChecks,
  ...nameChecks,
  ...timeChecks,
  ...permissionChecks,
]

/** FUSE has O_TMPFILE from Linux 6.2 on. */
const [major = 0, minor = 0] = os.release().split('.').map(Number)
const hasNameless = major > 6 || (major === 6 && minor >= 2)

/** In the process nobody is asked who is calling, and descriptors are not the process's. */
const IN_PROCESS: readonly Need[] = ['owners', 'links of one’s own']
const space = probeSpace()
const ON_DISK: readonly Need[] = [
  ...([...IN_PROCESS, 'users', 'descriptors', 'pipes', 'temporary files'] as const),
  ...(space.punches ? (['holes'] as const) : []),
  ...(space.flags ? (['file flags'] as const) : []),
]
const BY_FUSE = ON_DISK.filter((need) => hasNameless || need !== 'temporary files')

const HAS: Readonly<Record<ViewKind, readonly Need[]>> = {
  kernel: ON_DISK,
  // A symbolic link takes no user.* attribute that could say whose it is: in that form all are root's. And what is shown
  // as root's has flags that the kernel lets nobody else change.
  fuse: BY_FUSE.filter(
    (need) => isRoot || (need !== 'links of one’s own' && need !== 'file flags'),
  ),
  'fuse, plain directories': BY_FUSE,
  merge: ON_DISK,
  'UnionFs in a directory': IN_PROCESS,
  'UnionFs in memory': IN_PROCESS,
}

interface OpenView {
  readonly subject: Subject
  close(): Promise<void> | void
}

/** @param home an empty directory */
export async function runSuite(kind: ViewKind, home: string): Promise<Outcome> {
  const has = HAS[kind].filter((need) => isRoot || (need !== 'users' && need !== 'owners'))
  const wanted = CHECKS.filter(({ needs = [] }) => needs.every((need) => has.includes(need)))
  const lower = path.join(home, 'lower')
  const umask = process.umask(0o022)
  fs.chmodSync(home, 0o755)
  for (const [index, check] of wanted.entries()) {
    for (const place of ['below', 'here']) {
      fs.mkdirSync(path.join(lower, place, String(index)), { recursive: true })
      fs.chmodSync(path.join(lower, place, String(index)), 0o777)
    }
    check.prepare?.(fs, path.join(lower, 'below', String(index)))
  }
  const view = await openView(kind, home, lower)
  const failures: string[] = []
  let expectations = 0
  try {
    const { subject } = view
    for (const [index, check] of wanted.entries()) {
      for (const place of ['below', 'here']) {
        const at = `${subject.root}/${place}/${index}`
        if (place === 'here') check.prepare?.(subject.fs, at)
        const outcome = runCheck(check, {
          subject,
          fs: subject.fs,
          at,
          lower: place === 'below',
          movesDirectories: kind === 'merge',
        })
        expectations += outcome.expectations
        failures.push(...outcome.failures)
      }
    }
  } finally {
    process.umask(umask)
    await view.close()
  }
  return { expectations, failures }
}

async function openView(kind: ViewKind, home: string, lower: string): Promise<OpenView> {
  const at = (name: string): string => {
    fs.mkdirSync(path.join(home, name))
    return path.join(home, name)
  }
  const form: LayerForm = isRoot ? 'trusted' : 'user'
  const target = at('view')
  const upper = { directory: at('upper'), work: at('work') }
  switch (kind) {
    case 'kernel':
      await mountOverlay(
        {
          kind: 'overlay',
          lowers: [lower],
          shortLowers: ['lower'],
          home,
          upper: upper.directory,
          work: upper.work,
          userxattr: false,
        },
        target,
      )
      return {
        subject: hostSubject(target),
        close() {
          unmount(target, { lazy: true })
        },
      }
    case 'fuse':
    case 'fuse, plain directories':
      await mountByFuse({
        target,
        form: kind === 'fuse' ? form : 'plain',
        checked: kind !== 'fuse' || isRoot,
        lowers: [lower],
        upper,
      })
      return {
        subject: hostSubject(target),
        close() {
          unmountFuse(target, { lazy: true })
        },
      }
    case 'merge': {
      using stack = new LayerStack([lower], { form })
      await materialise(stack, target)
      return { subject: hostSubject(target), close: () => undefined }
    }
    default: {
      const layer = new DirectoryLayer(lower, { form })
      const changes =
        kind === 'UnionFs in memory'
          ? new MemoryUpper(systemNow)
          : new DirectoryUpper(upper.directory, { form, work: upper.work })
      const unionFs = new UnionFs(
        { lowers: [new DiskLayer(layer)], upper: changes },
        { onClose: () => layer.close() },
      )
      return { subject: unionSubject(unionFs), close: () => unionFs.close() }
    }
  }
}
