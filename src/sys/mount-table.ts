// What is mounted where, as the kernel tells this process: /proc/self/mountinfo, proc_pid_mountinfo(5).

import fs from 'node:fs'

export interface MountEntry {
  readonly id: number
  readonly parentID: number
  /** `major:minor`, as stat(2) of what is in it tells. */
  readonly device: string
  /** Absolute path of the mount point, as bytes decoded from UTF-8. */
  readonly target: string
  /** Directory inside the mounted file system; `/` but for bind mounts. */
  readonly root: string
  readonly type: string
  readonly source: string
  readonly options: readonly string[]
  readonly superOptions: readonly string[]
}

/** In mount order: a later one of the same target covers the earlier. */
export function listMounts(): MountEntry[] {
  return parseMountInfo(fs.readFileSync('/proc/self/mountinfo', 'utf8'))
}

/** @param text of mountinfo: `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue` */
export function parseMountInfo(text: string): MountEntry[] {
  const entries: MountEntry[] = []
  for (const line of text.split('\n')) {
    // The optional fields before the dash vary in number.
    const [left, right] = line.split(' - ', 2)
    if (left === undefined || right === undefined) continue
    const [id, parentID, device, root, target, options] = left.split(' ')
    const [type, source, superOptions] = right.split(' ')
    if (id === undefined || target === undefined || type === undefined) continue
    entries.push({
      id: Number(id),
      parentID: Number(parentID),
      device: device ?? '',
      target: unescapeOctal(target),
      root: unescapeOctal(root ?? ''),
      type,
      source: unescapeOctal(source ?? ''),
      options: (options ?? '').split(','),
      superOptions: (superOptions ?? '').split(',').map(unescapeOctal),
    })
  }
  return entries
}

/** The kernel writes space, tab, newline, backslash (and `#`, and a comma in an option) as three octal digits. */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_all, digits: string) =>
    String.fromCharCode(parseInt(digits, 8)),
  )
}
