// How much memory one act takes of a process that has done thousands before: the kernel's high-water mark of resident
// memory, set back before it and read after it. What V8 and malloc keep from what was before is in neither.

import fs from 'node:fs'

function bytesOf(field: 'VmHWM' | 'VmRSS'): number {
  const status = fs.readFileSync('/proc/self/status', 'latin1')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
}

/** @returns by how many bytes the process grew at its peak; NaN where the kernel does not set its mark back */
export async function peakGrowth(act: () => Promise<unknown>): Promise<number> {
  globalThis.gc?.()
  let isReset = true
  try {
    fs.writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    isReset = false // built without CONFIG_PROC_PAGE_MONITOR
  }
  const before = bytesOf('VmRSS')
  await act()
  return isReset ? bytesOf('VmHWM') - before : NaN
}
