// Preloaded into a process that is measured: when it ends, its peak resident memory goes to the file that the environment
// names. The kernel's high-water mark counts all threads; getrusage would count the parent that forked it too.

import fs from 'node:fs'
import { isMainThread } from 'node:worker_threads'

const file = process.env['SHALE_TEST_PEAK_FILE']
if (file !== undefined && isMainThread) {
  process.on('exit', () => {
    const status = fs.readFileSync('/proc/self/status', 'latin1')
    fs.writeFileSync(file, String(Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024))
  })
}
