// Where in a container something is mounted, and the words by which docker refuses a place. Source: moby volume/mounts.

import path from 'node:path'

/** Without `.`, `..` and slashes at the end. */
export function cleanPlace(place: string): string {
  return path.posix.normalize(place).replace(/(.)\/$/, '$1')
}

/** Why nothing can be mounted there, if so. */
export function whyNoPlace(place: string): string | undefined {
  if (!place.startsWith('/')) return `invalid mount path: '${place}' mount path must be absolute`
  return cleanPlace(place) === '/' ? "invalid specification: destination can't be '/'" : undefined
}
