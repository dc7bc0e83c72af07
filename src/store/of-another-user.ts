// A store belongs to the user who made it. What is said to another one: whose it is, and what to do.

import fs from 'node:fs'
import path from 'node:path'
import { HostError } from '../errors.ts'
import { fromNodeError } from '../sys/errno.ts'

/**
 * @param action as fromNodeError's
 * @param place in a store, or its root
 * @returns with a remedy where permission was denied
 */
export function deniedOrElse(action: string, place: string, error: unknown): unknown {
  const known = fromNodeError(action, error)
  if (!(known instanceof HostError) || known.code !== 'ERR_PERMISSION') return known
  const uid = ownerOf(place)
  // A read-only bind mount, or a mode that shuts its own user out: being the owner is no remedy.
  const isOurs = uid === undefined || uid === process.geteuid?.()
  const remedy = isOurs
    ? 'run as the user who owns the store, or use a --root of your own'
    : `the store belongs to ${userName(uid)}: run as that user, or use a --root of your own`
  const details = { ...known.details, ...(isOurs ? {} : { uid }) }
  return new HostError(known.code, `${known.message}; ${remedy}`, { cause: error, details })
}

/** Of the place, or of what is above it where that shuts us out; undefined where there is no such place. */
function ownerOf(place: string): number | undefined {
  for (let at = path.resolve(place); ; at = path.dirname(at)) {
    try {
      return fs.statSync(at).uid
    } catch (error) {
      const isHidden = (error as NodeJS.ErrnoException).code === 'EACCES'
      if (!isHidden || at === path.dirname(at)) return undefined
    }
  }
}

/** By name where the host's own list has one; users of a directory service are numbers here. */
function userName(uid: number): string {
  let lines: string[] = []
  try {
    lines = fs.readFileSync('/etc/passwd', 'utf8').split('\n')
  } catch {
    // A host without such a list has numbers alone.
  }
  const name = lines.map((line) => line.split(':')).find((fields) => fields[2] === String(uid))?.[0]
  return name === undefined ? `uid ${uid}` : `${name} (uid ${uid})`
}
