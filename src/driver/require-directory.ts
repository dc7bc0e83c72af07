// A layer that layerdb knows and whose files are gone: said where a stack is put together, or the kernel and the walkers
// would each say it in words that seem to be about something else.

import fs from 'node:fs'
import { IntegrityError } from '../errors.ts'

/** @throws IntegrityError ERR_STORE_CORRUPT */
export function requireDirectory(directory: string): void {
  // Only absence is told here: what may not be looked at is told by who reads it.
  let isThere = true
  try {
    isThere = fs.statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true
  } catch {
    // EACCES, ELOOP
  }
  if (isThere) return
  throw new IntegrityError(
    'ERR_STORE_CORRUPT',
    `cannot read a layer: its directory ${directory} is missing; remove the images that have it, and load them again`,
    { details: { path: directory } },
  )
}
