// What a container may be called, and that no two are called the same. docker's rules and words.

import { ConflictError, InvalidArgumentError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { randomName } from './random-name.ts'

const NAME = /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/

/** @throws InvalidArgumentError ERR_OPTION @returns the name without docker's leading slash */
export function parseContainerName(text: string): string {
  if (NAME.test(text)) return text.replace(/^\//, '')
  throw new InvalidArgumentError(
    'ERR_OPTION',
    `Invalid container name (${text}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    { details: { option: 'name', value: text } },
  )
}

/** @throws ConflictError ERR_CONTAINER_NAME_IN_USE in docker's words */
export function refuseTakenName(store: Store, name: string): void {
  const owner = store.containerDB.list().find((container) => container.name === name)
  if (!owner) return
  throw new ConflictError(
    'ERR_CONTAINER_NAME_IN_USE',
    `Conflict. The container name "/${name}" is already in use by container "${owner.id}". You have to remove (or rename) that container to be able to reuse that name.`,
    { details: { name, container: owner.id } },
  )
}

/** A name that no container of the store has. */
export function freeName(store: Store): string {
  const taken = new Set(store.containerDB.list().map(({ name }) => name))
  return randomName((name) => taken.has(name))
}
