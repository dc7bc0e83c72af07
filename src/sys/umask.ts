// The umask of this process, without touching it.

import fs from 'node:fs'

/**
 * By /proc (Linux 4.7): umask(2) tells what it is only by setting another one, and threads make files meanwhile.
 * @returns all bits where nobody says
 */
export function currentUmask(): number {
  try {
    const found = /^Umask:\s*([0-7]+)$/m.exec(fs.readFileSync('/proc/self/status', 'latin1'))
    return found ? Number.parseInt(found[1]!, 8) : 0o777
  } catch {
    return 0o777
  }
}
