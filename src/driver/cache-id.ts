// Random names of driver directories, as docker draws them.

import { randomBytes } from 'node:crypto'
import type { CacheID } from '../digest/digest.ts'
import { IntegrityError } from '../errors.ts'

/** 32 random bytes in hex, drawn again if the first 12 characters are all digits: docker takes such a name for a number. */
export function newCacheID(): CacheID {
  for (;;) {
    const id = randomBytes(32).toString('hex')
    if (!/^[0-9]{12}/.test(id)) return id as CacheID
  }
}

/** docker's reader takes any non-empty name; shale refuses those that would leave the driver's home. */
export function parseCacheID(text: string, where: string): CacheID {
  const id = text.trim()
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(id)) return id as CacheID
  throw new IntegrityError(
    'ERR_STORE_CORRUPT',
    `cannot use the cache-id in ${where}: ${JSON.stringify(id.slice(0, 80))} is no directory name`,
    {
      details: { path: where },
    },
  )
}
