// The words of mount(8) for what holds on any file system (nosuid, noatime ...), as the bits that mount(2) takes.

import { cText, checked, libc } from './libc.ts'

/** The options of mount(2) are one page with its NUL. */
export const OPTIONS_BYTES_MAX = 4095

const MS_REMOUNT = 32
const MS_BIND = 4096

/** Bits to set, and bits to take away. */
const FLAGS: Readonly<Record<string, readonly [on: number, off: number]>> = {
  ro: [1, 0],
  rw: [0, 1],
  nosuid: [2, 0],
  suid: [0, 2],
  nodev: [4, 0],
  dev: [0, 4],
  noexec: [8, 0],
  exec: [0, 8],
  sync: [16, 0],
  async: [0, 16],
  dirsync: [128, 0],
  noatime: [1024, 0],
  atime: [0, 1024],
  nodiratime: [2048, 0],
  diratime: [0, 2048],
  relatime: [1 << 21, 0],
  norelatime: [0, 1 << 21],
  strictatime: [1 << 24, 0],
}

/** A later word wins over an earlier one. */
export function mountFlags(words: readonly string[]): number {
  let bits = 0
  for (const word of words) {
    const [on, off] = FLAGS[word] ?? [0, 0]
    bits = (bits & ~off) | on
  }
  return bits
}

/** Of a mount that is there. @returns 0, or a negative errno */
export function setMountFlags(target: string, words: readonly string[]): number {
  const bits = mountFlags(words)
  if (bits === 0) return 0
  const flags = MS_REMOUNT | MS_BIND | bits
  return checked(libc().mount(null, cText(target), null, flags, null))
}
