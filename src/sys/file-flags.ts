// What lsattr(1) shows and chattr(1) sets of a file: flags and project, by ioctl(2) of linux/fs.h. Which of them there
// are is the file system's to say.

import { checked, libc } from './libc.ts'

export interface FileFlagsCall {
  readonly request: number
  /** Of what goes in or comes out. */
  readonly sizeBytes: number
  readonly changes: boolean
}

/** FS_IOC_GETFLAGS and SETFLAGS (declared as long, and an int in fact), FS_IOC_FSGETXATTR and FSSETXATTR. */
export const FILE_FLAGS_CALLS: readonly FileFlagsCall[] = [
  { request: 0x80086601, sizeBytes: 4, changes: false },
  { request: 0x40086602, sizeBytes: 4, changes: true },
  { request: 0x801c581f, sizeBytes: 28, changes: false },
  { request: 0x401c5820, sizeBytes: 28, changes: true },
]

/**
 * @param fd a regular file's or directory's; not O_PATH
 * @param bytes `sizeBytes` of them, given or filled
 * @returns 0, -ENOTTY and -EOPNOTSUPP where the file system has no flags, or another negative errno
 */
export function callFileFlags(fd: number, { request }: FileFlagsCall, bytes: Uint8Array): number {
  return checked(libc().ioctlBytes(fd, request, bytes))
}
