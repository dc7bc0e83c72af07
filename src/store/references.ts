// repositories.json: names to image IDs. An immutable value: a change gives a new one, a transaction writes it.
// Tags and digest references share the inner map, whose keys repeat the repository name (docker's own shape).

import { isDigest, type ImageID } from '../digest/digest.ts'
import { IntegrityError } from '../errors.ts'
import {
  familiarName,
  familiarString,
  fullSpelling,
  type Reference,
} from '../reference/reference.ts'
import type { Layout } from './layout.ts'
import { readIfPresent } from './read-file.ts'

/** A name in the store: `repo:tag` or `repo@sha256:...`, in docker's familiar form. */
export interface StoredName {
  readonly repository: string
  readonly name: string
  readonly imageID: ImageID
  readonly isDigest: boolean
}

/**
 * The key of a name in its repository. A tag beside a digest does not count, as in docker's reference store
 * (favorDigest): the digest alone says what the image is.
 */
export function storedKey(reference: Reference): string {
  if (reference.digest === undefined) return familiarString(reference)
  return `${familiarName(reference)}@${reference.digest}`
}

type Repositories = ReadonlyMap<string, ReadonlyMap<string, ImageID>>

export class References {
  private readonly repositories: Repositories

  constructor(repositories: Repositories = new Map()) {
    this.repositories = repositories
  }

  static read(layout: Layout): References {
    const bytes = readIfPresent(layout.repositories)
    if (!bytes) return new References()
    const corrupt = (why: string, cause?: unknown): IntegrityError =>
      new IntegrityError(
        'ERR_STORE_CORRUPT',
        `cannot read ${layout.repositories}: ${why}; dockerd would not start on this root either`,
        {
          cause,
          details: { path: layout.repositories },
        },
      )
    let document: unknown
    try {
      document = JSON.parse(bytes.toString('utf8'))
    } catch (cause) {
      throw corrupt('it is no JSON', cause)
    }
    const outer = (document as { Repositories?: unknown } | null)?.Repositories
    if (outer === undefined || outer === null) return new References()
    if (typeof outer !== 'object') throw corrupt('"Repositories" is no object')
    const repositories = new Map<string, Map<string, ImageID>>()
    for (const [repository, inner] of Object.entries(outer)) {
      if (typeof inner !== 'object' || inner === null)
        throw corrupt(`the entry ${JSON.stringify(repository)} is no object`)
      const names = new Map<string, ImageID>()
      for (const [name, id] of Object.entries(inner as Record<string, unknown>)) {
        if (typeof id !== 'string' || !isDigest(id))
          throw corrupt(`${JSON.stringify(name)} does not point at an image ID`)
        names.set(name, id as ImageID)
      }
      repositories.set(repository, names)
    }
    return new References(repositories)
  }

  get(reference: Reference): ImageID | undefined {
    return this.repositories.get(familiarName(reference))?.get(storedKey(reference))
  }

  /** All names, sorted as docker shows them: by the full spelling, so that `zzz:1` comes before `gcr.io/a:1`. */
  list(): StoredName[] {
    const all: [string, StoredName][] = []
    for (const [repository, names] of this.repositories) {
      for (const [name, imageID] of names) {
        const isDigest = name.startsWith(`${repository}@`)
        all.push([fullSpelling(name), { repository, name, imageID, isDigest }])
      }
    }
    return all.sort(byKey).map(([, stored]) => stored)
  }

  namesOf(id: ImageID): StoredName[] {
    return this.list().filter((stored) => stored.imageID === id)
  }

  /** Names of every image, in one pass: for listings of many images. */
  byImage(): Map<ImageID, StoredName[]> {
    const map = new Map<ImageID, StoredName[]>()
    for (const stored of this.list()) {
      const names = map.get(stored.imageID)
      if (names) names.push(stored)
      else map.set(stored.imageID, [stored])
    }
    return map
  }

  /** Many names at once: one after the other, each copying those before it, a manifest of 4 MiB would take hours. */
  withAll(names: Iterable<readonly [Reference, ImageID]>): References {
    const repositories = new Map(this.repositories)
    const copied = new Map<string, Map<string, ImageID>>()
    for (const [reference, id] of names) {
      const repository = familiarName(reference)
      let inner = copied.get(repository)
      if (inner === undefined) {
        inner = new Map(repositories.get(repository))
        copied.set(repository, inner)
        repositories.set(repository, inner)
      }
      inner.set(storedKey(reference), id)
    }
    return new References(repositories)
  }

  with(reference: Reference, id: ImageID): References {
    const repository = familiarName(reference)
    const names = new Map(this.repositories.get(repository))
    names.set(storedKey(reference), id)
    return new References(new Map(this.repositories).set(repository, names))
  }

  without(name: Pick<StoredName, 'repository' | 'name'>): References {
    return this.withoutAll([name])
  }

  withoutAll(names: Iterable<Pick<StoredName, 'repository' | 'name'>>): References {
    const repositories = new Map(this.repositories)
    const copied = new Map<string, Map<string, ImageID>>()
    for (const { repository, name } of names) {
      let inner = copied.get(repository)
      if (inner === undefined) {
        inner = new Map(repositories.get(repository))
        copied.set(repository, inner)
        repositories.set(repository, inner)
      }
      inner.delete(name)
    }
    // docker drops an emptied repository key
    for (const [repository, inner] of copied) if (inner.size === 0) repositories.delete(repository)
    return new References(repositories)
  }

  /** docker's own bytes: both levels key-sorted, compact, no newline. */
  toJSONText(): string {
    const outer: string[] = []
    for (const [repository, names] of [...this.repositories].sort(byKey)) {
      const inner = [...names]
        .sort(byKey)
        .map(([name, id]) => `${JSON.stringify(name)}:${JSON.stringify(id)}`)
      outer.push(`${JSON.stringify(repository)}:{${inner.join(',')}}`)
    }
    return `{"Repositories":{${outer.join(',')}}}`
  }
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0
}
