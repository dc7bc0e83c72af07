// Which volumes a listing shows, in docker's words: dangling, driver, name, label.

import { InvalidArgumentError } from '../errors.ts'
import { matchesLabels } from '../inspect/image-filter.ts'
import { namePattern } from '../inspect/name-pattern.ts'
import type { Store } from '../store/store.ts'
import { listVolumes, refuseDockerdVolumes, type Volume } from './volume-db.ts'
import { volumeUsers } from './volume-users.ts'

type Test = (volume: Volume, users: ReadonlyMap<string, readonly string[]>) => boolean

/**
 * By name. Values of one key widen, but for labels, which must all be there; keys narrow.
 * @throws InvalidArgumentError ERR_OPTION; UnsupportedError ERR_DOCKERD_VOLUMES for labels that dockerd keeps
 */
export function filterVolumes(store: Store, filters: readonly string[] = []): Volume[] {
  const byKey = new Map<string, Test[]>()
  for (const text of filters) {
    const { key, test } = testOf(text)
    byKey.set(key, [...(byKey.get(key) ?? []), test])
  }
  if (byKey.has('label')) refuseDockerdVolumes(store, 'list volumes by label')
  // Whoever may list volumes may not see all containers: they are read only where they matter.
  const users: ReadonlyMap<string, readonly string[]> = byKey.has('dangling')
    ? volumeUsers(store.containerDB.list())
    : new Map()
  return listVolumes(store).filter((volume) =>
    [...byKey].every(([key, tests]) =>
      key === 'label'
        ? tests.every((test) => test(volume, users))
        : tests.some((test) => test(volume, users)),
    ),
  )
}

function testOf(text: string): { readonly key: string; readonly test: Test } {
  const equals = text.indexOf('=')
  const key = (equals < 0 ? text : text.slice(0, equals)).trim().toLowerCase()
  const value = text.slice(equals + 1).trim()
  const refuse = (reason: string): InvalidArgumentError =>
    new InvalidArgumentError('ERR_OPTION', `cannot filter by ${JSON.stringify(text)}: ${reason}`, {
      details: { filter: text },
    })
  if (equals < 0) throw refuse('expected key=value')
  if (key === 'name') {
    const pattern = namePattern(value)
    return { key, test: ({ name }) => pattern.test(name) }
  }
  if (key === 'driver') return { key, test: ({ driver }) => driver === value }
  if (key === 'label') return { key, test: ({ labels }) => matchesLabels([value], labels ?? {}) }
  if (key !== 'dangling')
    throw refuse(
      `there is no filter ${JSON.stringify(key)}; choose one of dangling, driver, label, name`,
    )
  const dangling = value === 'true' || value === '1'
  if (!dangling && value !== 'false' && value !== '0') throw refuse('expected true or false')
  return { key, test: ({ name }, users) => users.has(name) !== dangling }
}
