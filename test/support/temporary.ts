// A directory of a test's own, outside of the checkout, gone when the test ends even with mounts or strange modes in it.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { unmountBelow } from './dockerd.ts'

interface WithTeardown {
  teardown(callback: () => void): unknown
}

/** A container's own /dev/shm has often 64 MiB. */
const MEMORY_BYTES_MIN = 2 ** 30

/** In memory where the host has a /dev/shm of some size: for tests of very many small files. Else as temporaryDirectory. */
export function memoryDirectory(t: WithTeardown): string {
  try {
    fs.accessSync('/dev/shm', fs.constants.W_OK)
    const { bavail, bsize } = fs.statfsSync('/dev/shm')
    if (bavail * bsize < MEMORY_BYTES_MIN) return temporaryDirectory(t)
  } catch {
    return temporaryDirectory(t)
  }
  return temporaryDirectory(t, 'shale-test-', '/dev/shm')
}

export function temporaryDirectory(
  t: WithTeardown,
  name = 'shale-test-',
  parent: string = os.tmpdir(),
): string {
  const dir = fs.mkdtempSync(path.join(parent, name))
  t.teardown(() => {
    unmountBelow(dir)
    fs.rmSync(dir, { recursive: true, force: true })
  })
  return dir
}
