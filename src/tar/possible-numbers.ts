// Owners and devices that a tar can name and no file can have. Who cuts them until they fit makes something else of them:
// owner 4294967296 is root then, and device 0:4294967296 a whiteout.
// Knows the kernel's widths; what is done about such a header is for whoever unpacks or reports it.

import { ArchiveError } from '../errors.ts'
import { pathText } from '../path/byte-path.ts'
import type { TarHeader } from './entry.ts'

/**
 * chown(2) takes 32 bits, of which -1 means to leave the owner as it is: whoever unpacks. Tars of macOS have -2 for
 * nobody, which is 4294967294.
 */
export function isPossibleOwner(value: number): boolean {
  return value >= -(2 ** 31) && value < 0xffffffff && value !== -1
}

/** Linux has 12 bits for the major number and 20 for the minor. */
export function isPossibleDevice({ devMajor, devMinor }: TarHeader): boolean {
  return devMajor >= 0 && devMajor < 2 ** 12 && devMinor >= 0 && devMinor < 2 ** 20
}

/**
 * @param action for the message: `unpack`, `copy`
 * @throws ArchiveError ERR_TAR_HEADER
 */
export function checkNumbers(header: TarHeader, action: string): void {
  for (const field of ['uid', 'gid'] as const) {
    if (isPossibleOwner(header[field])) continue
    throw impossible(header, action, `its ${field} is ${header[field]}, which no file can have`)
  }
  if ((header.type !== 'char' && header.type !== 'block') || isPossibleDevice(header)) return
  const number = `${header.devMajor}:${header.devMinor}`
  throw impossible(header, action, `there can be no device ${number}`)
}

function impossible({ path, offset }: TarHeader, action: string, reason: string): ArchiveError {
  const entry = pathText(path)
  const message = `cannot ${action} ${JSON.stringify(entry)}: ${reason}`
  return new ArchiveError('ERR_TAR_HEADER', message, { details: { entry, offset } })
}
