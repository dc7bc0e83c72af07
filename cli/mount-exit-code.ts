// The exit codes of mount(8), which it passes on from its helpers and whose meaning those who call it know. Used by
// mount.fuse.shale alone; docs/exit-codes.md shows the same table, and a test holds both against each other.

import { EXIT, type ExitCode } from './exit-code.ts'

/** See mount(8), EXIT STATUS; 2 is of mount(8) itself, and 16 of an mtab, which there is none of. */
export const MOUNT_EXIT = {
  ok: 0,
  usage: 1,
  internal: 4,
  interrupted: 8,
  failure: 32,
  partial: 64,
} as const

const BY_EXIT: Readonly<Record<ExitCode, (typeof MOUNT_EXIT)[keyof typeof MOUNT_EXIT]>> = {
  [EXIT.ok]: MOUNT_EXIT.ok,
  [EXIT.failure]: MOUNT_EXIT.failure,
  [EXIT.usage]: MOUNT_EXIT.usage,
  [EXIT.partial]: MOUNT_EXIT.partial,
  [EXIT.notFound]: MOUNT_EXIT.failure,
  [EXIT.locked]: MOUNT_EXIT.failure,
  [EXIT.integrity]: MOUNT_EXIT.failure,
  [EXIT.internal]: MOUNT_EXIT.internal,
  [EXIT.hungUp]: MOUNT_EXIT.interrupted,
  [EXIT.interrupted]: MOUNT_EXIT.interrupted,
  [EXIT.pipeClosed]: MOUNT_EXIT.interrupted,
  [EXIT.terminated]: MOUNT_EXIT.interrupted,
}

export function mountExitCode(code: number): number {
  return BY_EXIT[code as ExitCode] ?? MOUNT_EXIT.failure
}
