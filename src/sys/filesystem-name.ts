// What kind of file system holds a path, in the words docker uses for it (`info`: Backing Filesystem).

import fs from 'node:fs'

/** statfs(2) magic numbers, named as docker's graphdriver has them. */
const NAMES: Readonly<Record<number, string>> = {
  0x61756673: 'aufs',
  0x9123683e: 'btrfs',
  0x28cd3d45: 'cramfs',
  0xf15f: 'ecryptfs',
  0xef53: 'extfs',
  0xf2f52010: 'f2fs',
  0x65735546: 'fuse',
  0x47504653: 'gpfs',
  0x3153464a: 'jfs',
  0x6969: 'nfs',
  0x794c7630: 'overlayfs',
  0x52654973: 'reiserfs',
  0x517b: 'smb',
  0x73717368: 'squashfs',
  0x01021994: 'tmpfs',
  0x15013346: 'vxfs',
  0x58465342: 'xfs',
  0x2fc12fc1: 'zfs',
  0xca451a4e: 'bcachefs',
}

/** `extfs`, `xfs`, `tmpfs` ...; `<unknown>` as docker says it. */
export function filesystemName(path: string): string {
  return NAMES[fs.statfsSync(path).type >>> 0] ?? '<unknown>'
}
