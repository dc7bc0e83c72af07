// One mount by the mount API, from fsopen(2) to fsmount(2): made, and not yet attached anywhere. A refusal is data, since
// it may have to come out of a thread (one-lower.ts).

import { AT_FDCWD, close } from './file-calls.ts'
import { SYS, cText, checked, libc } from './libc.ts'

const FSOPEN_CLOEXEC = 1
const FSCONFIG_SET_FLAG = 0
const FSCONFIG_SET_STRING = 1
const FSCONFIG_CMD_CREATE = 6
const FSMOUNT_CLOEXEC = 1
const MOVE_MOUNT_F_EMPTY_PATH = 4

/** fsconfig(2) takes strings of at most 255 bytes. */
export const FSCONFIG_STRING_MAX = 255

/** Name and value, '' for a word alone. */
export type Parameter = readonly [name: string, value: string]

export interface Refusal {
  readonly syscall: string
  /** Positive. */
  readonly errno: number
  /** Of the kernel. */
  readonly message?: string
}

/**
 * @param attributes MOUNT_ATTR_*
 * @returns a descriptor for move_mount(2), the caller's to close
 */
export function makeMount(
  type: string,
  parameters: readonly Parameter[],
  attributes: number,
): number | Refusal {
  const c = libc()
  const context = checked(c.fsopen(SYS.fsopen, cText(type), FSOPEN_CLOEXEC))
  if (context < 0) return { syscall: 'fsopen', errno: -context }
  const refusal = (syscall: string, result: number): Refusal => {
    const message = kernelMessage(context)
    return { syscall, errno: -result, ...(message === undefined ? {} : { message }) }
  }
  try {
    for (const [name, value] of parameters) {
      const command = value === '' ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING
      const text = value === '' ? null : cText(value)
      const result = checked(c.fsconfig(SYS.fsconfig, context, command, cText(name), text, 0))
      if (result < 0) return refusal('fsconfig', result)
    }
    const created = checked(c.fsconfig(SYS.fsconfig, context, FSCONFIG_CMD_CREATE, null, null, 0))
    if (created < 0) return refusal('fsconfig', created)
    const mount = checked(c.fsmount(SYS.fsmount, context, FSMOUNT_CLOEXEC, attributes))
    return mount < 0 ? refusal('fsmount', mount) : mount
  } finally {
    close(context)
  }
}

/** @returns 0, or a negative errno */
export function attach(mount: number, target: string): number {
  return checked(
    libc().moveMount(
      SYS.moveMount,
      mount,
      cText(''),
      AT_FDCWD,
      cText(target),
      MOVE_MOUNT_F_EMPTY_PATH,
    ),
  )
}

/** A mount context keeps what the kernel would else put into its log: `e overlay: ...`. */
function kernelMessage(context: number): string | undefined {
  const buffer = Buffer.alloc(1024)
  const length = libc().read(context, buffer, buffer.length)
  return length > 2 ? buffer.toString('utf8', 2, length).trim() : undefined
}
