// Worker: mount(2) with options relative to a directory. The thread leaves its process's shared working directory
// first (unshare CLONE_FS, which needs no privilege), so nobody else's paths change. It ends after one mount.

import { parentPort, workerData } from 'node:worker_threads'
import { cText, checked, libc } from './libc.ts'
import type { RelativeMount } from './mount.ts'

const CLONE_FS = 0x200

function mountRelative({ home, target, flags, options }: RelativeMount): number {
  const c = libc()
  const unshared = checked(c.unshare(CLONE_FS))
  if (unshared < 0) return -unshared
  const changed = checked(c.chdir(cText(home)))
  if (changed < 0) return -changed
  return -checked(c.mount(cText('overlay'), cText(target), cText('overlay'), flags, cText(options)))
}

parentPort?.postMessage(mountRelative(workerData as RelativeMount))
