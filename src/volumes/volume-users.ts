// Which containers have which volumes, by the mount points that their configs record.

import type { Container } from '../store/container-db.ts'

/** Volume name to the IDs of its containers, running or not. */
export function volumeUsers(
  containers: Iterable<Pick<Container, 'id' | 'mountPoints'>>,
): Map<string, string[]> {
  const users = new Map<string, string[]>()
  for (const { id, mountPoints } of containers) {
    for (const name of new Set(mountPoints.map((point) => point.name))) {
      if (name === '') continue
      const known = users.get(name)
      if (known) known.push(id)
      else users.set(name, [id])
    }
  }
  return users
}
