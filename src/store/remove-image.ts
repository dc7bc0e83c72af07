// rmi, by docker's rules: a name is untagged, the last name takes the image with it, an ID takes all of its names; then
// the layers that nothing else stands on. Plans only; the transaction acts.

import path from 'node:path'
import { hexOf, shortID, type ChainID, type ImageID } from '../digest/digest.ts'
import { ConflictError } from '../errors.ts'
import { familiarName, familiarString } from '../reference/reference.ts'
import { listViews, type ViewInfo } from '../view/mount-list.ts'
import type { ContainerClaim } from './containers.ts'
import { LayerClaims, planLayerRemoval } from './layer-claims.ts'
import type { Layer } from './layer-db.ts'
import { resolveName } from './name-resolution.ts'
import { storedKey, type References, type StoredName } from './references.ts'
import { topChainID, type Store } from './store.ts'
import type { Transaction } from './transaction.ts'

/** One line of `docker rmi`: Untagged: name, or Deleted: sha256:... (an image or a layer's chainID). */
export type Removal =
  | { readonly kind: 'untagged'; readonly name: string }
  | { readonly kind: 'deleted'; readonly id: ImageID | ChainID }

export interface RemoveOptions {
  readonly force?: boolean
  /** Also delete untagged parents (docker's default). */
  readonly prune?: boolean
  /** Only say what would go, or throw what would be thrown. */
  readonly dryRun?: boolean
  readonly signal?: AbortSignal
}

/**
 * Removes one image as `docker rmi NAME` does.
 * @throws NotFoundError; ConflictError ERR_IMAGE_IN_USE with docker's reasons
 */
export async function removeImage(
  store: Store,
  name: string,
  options: RemoveOptions = {},
): Promise<Removal[]> {
  if (options.dryRun ?? false) {
    options.signal?.throwIfAborted()
    return new RemovalPreview(store).remove(name, options)
  }
  return store.write(
    async (transaction) => {
      const plan = new RemovalPlan(store)
      plan.remove(name, options.force ?? false, options.prune ?? true)
      plan.commitTo(transaction)
      return plan.removals
    },
    options.signal ? { signal: options.signal } : {},
  )
}

/** What removing several images one after the other would do: what one takes away, the next finds gone. Changes nothing. */
export class RemovalPreview {
  readonly #plan: RemovalPlan

  constructor(store: Store) {
    this.#plan = new RemovalPlan(store)
  }

  /** @throws as removeImage */
  remove(name: string, options: Omit<RemoveOptions, 'signal' | 'dryRun'> = {}): Removal[] {
    const { removals } = this.#plan
    const before = removals.length
    this.#plan.remove(name, options.force ?? false, options.prune ?? true)
    return removals.slice(before)
  }
}

class RemovalPlan {
  readonly removals: Removal[] = []
  private readonly store: Store
  private references: References
  private readonly gone = new Set<ImageID>()
  private readonly goneLayers: Layer[] = []
  private readonly containers: readonly ContainerClaim[]
  private readonly mounts: readonly ViewInfo[]
  private knownClaims: LayerClaims | undefined
  private knownParents: ReadonlyMap<ImageID, ImageID> | undefined

  constructor(store: Store) {
    this.store = store
    this.references = store.references()
    this.containers = store.containers.list()
    const place = { home: store.driver.home, merges: store.layout.merges }
    // A merge that was written out stands by itself; a mount would lose its files under whoever looks at them.
    this.mounts = listViews(place).filter((shown) => shown.view !== 'merge')
  }

  /** Read only when an image goes: to take a name from one, nothing else needs to be known. */
  private get claims(): LayerClaims {
    return (this.knownClaims ??= new LayerClaims(this.store))
  }

  private get parents(): ReadonlyMap<ImageID, ImageID> {
    return (this.knownParents ??= this.store.imageDB.parents())
  }

  remove(text: string, force: boolean, prune: boolean): void {
    const ids = this.store.imageDB.ids().filter((known) => !this.gone.has(known))
    const { id, reference } = resolveName(text, ids, this.references)
    const names = this.references.namesOf(id)
    if (reference) {
      const target = storedKey(reference)
      if (names.length === 1) this.refuseMounted(id)
      if (names.length === 1 && !force) this.refuseUsedReference(id, text)
      this.references = this.references.without({
        repository: familiarName(reference),
        name: target,
      })
      // docker says the name as it was given, which may have a tag beside the digest.
      this.removals.push({ kind: 'untagged', name: familiarString(reference) })
      this.dropLoneDigests(id, target)
      if (this.references.namesOf(id).length > 0) return
      this.removeImage(id, { force, prune, quiet: true })
      return
    }
    // What no force helps against is told first.
    const hard = this.conflictOf(id, true)
    if (hard) throw hard
    // docker's words for more than one tag, even within one repository.
    const repositories = new Set(names.map((stored) => stored.repository))
    if (
      !force &&
      (repositories.size > 1 || names.filter((stored) => !stored.isDigest).length > 1)
    ) {
      throw conflict(id, 'must be forced', 'image is referenced in multiple repositories')
    }
    this.removeImage(id, { force, prune, quiet: false })
  }

  private refuseUsedReference(id: ImageID, text: string): void {
    const user = this.containers.find((container) => container.imageID === id)
    if (!user) return
    throw new ConflictError(
      'ERR_IMAGE_IN_USE',
      `conflict: unable to remove repository reference "${text}" (must force) - container ${user.id.slice(0, 12)} is using its referenced image ${shortID(id)}`,
      { details: { imageID: id, container: user.id } },
    )
  }

  private refuseMounted(id: ImageID): void {
    const reason = this.mountConflict(id)
    if (reason) throw reason
  }

  private untag(names: readonly StoredName[]): void {
    this.references = this.references.withoutAll(names)
    for (const { name } of names) this.removals.push({ kind: 'untagged', name })
  }

  /** Once the last tag of a repository is gone, its digest references go too: nobody could name them otherwise. */
  private dropLoneDigests(id: ImageID, removed: string): void {
    if (removed.includes('@')) return
    const repository = removed.slice(0, removed.lastIndexOf(':'))
    const rest = this.references.namesOf(id).filter((stored) => stored.repository === repository)
    if (rest.some((stored) => !stored.isDigest)) return
    this.untag(rest)
  }

  private removeImage(
    id: ImageID,
    options: { force: boolean; prune: boolean; quiet: boolean },
  ): void {
    const reason = this.conflictOf(id, options.force)
    if (reason) {
      if (options.quiet) return
      throw reason
    }
    this.untag(this.references.namesOf(id))
    this.gone.add(id)
    this.removals.push({ kind: 'deleted', id })
    for (const layer of this.claims.releaseImage(id)) {
      this.goneLayers.push(layer)
      this.removals.push({ kind: 'deleted', id: layer.chainID })
    }
    const parent = this.parents.get(id)
    if (!options.prune || parent === undefined || this.gone.has(parent)) return
    if (!this.store.imageDB.has(parent)) return
    if (this.references.namesOf(parent).length > 0) return
    this.removeImage(parent, { force: false, prune: true, quiet: true })
  }

  private conflictOf(id: ImageID, force: boolean): ConflictError | undefined {
    const isChild = ([child, parent]: [ImageID, ImageID]): boolean =>
      parent === id && !this.gone.has(child) && this.store.imageDB.get(child) !== undefined
    if ([...this.parents].some(isChild))
      return conflict(id, 'cannot be forced', 'image has dependent child images')
    const mounted = this.mountConflict(id)
    if (mounted) return mounted
    const users = this.containers.filter((container) => container.imageID === id)
    const running = users.find((container) => container.running)
    if (running)
      return conflict(
        id,
        'cannot be forced',
        `image is being used by running container ${running.id.slice(0, 12)}`,
      )
    if (users[0] && !force)
      return conflict(
        id,
        'must be forced',
        `image is being used by stopped container ${users[0].id.slice(0, 12)}`,
      )
    return undefined
  }

  /** Where the image is mounted, if its topmost layer would go with it. */
  private mountConflict(id: ImageID): ConflictError | undefined {
    if (this.mounts.length === 0) return undefined
    const facts = this.store.imageDB.get(id)
    const top = facts && topChainID(facts)
    const layer = top === undefined ? undefined : this.store.layers.get(top)
    const mount = this.mounts.find((shown) => shown.topCacheID === layer?.cacheID)
    if (!mount || !this.claims.holdsAlone(id)) return undefined
    return conflict(id, 'cannot be forced', `image is mounted on ${mount.target}; unmount it first`)
  }

  commitTo(transaction: Transaction): void {
    const { layout } = this.store
    transaction.plan({
      op: 'rename',
      from: transaction.stageFile(this.references.toJSONText(), 0o600),
      to: layout.repositories,
    })
    for (const id of this.gone) {
      transaction.plan({ op: 'remove', path: layout.imageContent(id) })
      transaction.plan({ op: 'remove', path: layout.imageMetadata(id) })
    }
    for (const [id, parent] of this.gone.size > 0 ? this.parents : []) {
      if (!this.gone.has(id) && this.gone.has(parent))
        transaction.plan({ op: 'remove', path: path.join(layout.imageMetadata(id), 'parent') })
    }
    planLayerRemoval(transaction, this.goneLayers)
  }
}

function conflict(id: ImageID, remedy: string, why: string): ConflictError {
  return new ConflictError(
    'ERR_IMAGE_IN_USE',
    `conflict: unable to delete ${shortID(id)} (${remedy}) - ${why}`,
    {
      details: { imageID: id, image: hexOf(id) },
    },
  )
}
