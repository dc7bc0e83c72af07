// A directory of a test's own, outside of the checkout, gone when the test ends even with mounts or strange modes in it.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { unmountBelow } from './dockerd.ts'

interface WithTeardown {
  teardown(callback: () => void): unknown
}

export function temporaryDirectory(t: WithTeardown, name = 'shale-test-'): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), name))
  t.teardown(() => {
    unmountBelow(dir)
    fs.rmSync(dir, { recursive: true, force: true })
  })
  return dir
}
