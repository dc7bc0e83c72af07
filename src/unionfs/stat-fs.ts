// How much room there is, as statfs(2) tells it of an overlay mount: that of the file system which takes the changes,
// under overlay's own type (ovl_statfs of fs/overlayfs/super.c).

import fs from 'node:fs'
import os from 'node:os'

const OVERLAYFS_SUPER_MAGIC = 0x794c7630
const BLOCK_BYTES = 4096

export type StatFs = { readonly [Field in keyof fs.StatsFs]: number }
export type BigStatFs = { readonly [Field in keyof fs.BigIntStatsFs]: bigint }

/** @param place on the host; undefined: memory, as tmpfs without a bound, which is as full as the machine's memory */
export function spaceOf(place: string | undefined, bigint: boolean): StatFs | BigStatFs {
  const found = place === undefined ? memorySpace() : fs.statfsSync(place, { bigint: true })
  const told = { ...found, type: BigInt(OVERLAYFS_SUPER_MAGIC) }
  if (bigint) return told
  return Object.fromEntries(
    Object.entries(told).map(([name, value]) => [name, Number(value)]),
  ) as unknown as StatFs
}

function memorySpace(): BigStatFs {
  const free = BigInt(Math.floor(os.freemem() / BLOCK_BYTES))
  return {
    type: 0n,
    bsize: BigInt(BLOCK_BYTES),
    blocks: BigInt(Math.floor(os.totalmem() / BLOCK_BYTES)),
    bfree: free,
    bavail: free,
    files: 0n,
    ffree: 0n,
  }
}
