// Whether this process can mount by FUSE, found out by mounting: a device that can be opened is no right to mount it,
// and root in a container has often the one without the other.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { close } from '../../src/sys/file-calls.ts'
import { fuseUnavailable, mountFuse, unmountFuse } from '../../src/sys/fuse-device.ts'

/** @returns why not; undefined where it can */
export function fuseRefusal(): string | undefined {
  const asRoot = process.geteuid?.() === 0
  const unavailable = fuseUnavailable(asRoot)
  if (unavailable !== undefined) return unavailable
  const target = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-probe-'))
  try {
    const how = { source: 'probe', readOnly: true, asRoot, forOthers: false, checked: false }
    const device = mountFuse({ target, ...how })
    // Nobody answers: it goes before anybody asks.
    unmountFuse(target, { lazy: true })
    close(device)
    return undefined
  } catch (error) {
    return (error as Error).message
  } finally {
    fs.rmdirSync(target)
  }
}
