// One container as an object: its read-write layer with all that a runtime does to it, in the order of its life. Holds
// a name for the container and no state of it: whatever is asked is read from the store, which other processes change.

import { NotFoundError } from '../errors.ts'
import { writeBundle, type Bundle, type BundleOptions } from '../containers/bundle.ts'
import { changesOf, type ChangesOptions, type TreeChange } from '../containers/changes.ts'
import {
  commitContainer,
  type CommitOptions,
  type CommittedImage,
} from '../containers/commit-container.ts'
import { containerOf } from '../containers/container-stack.ts'
import { exportTree, type ExportOptions } from '../containers/export-tree.ts'
import {
  mountContainer,
  unmountContainer,
  type MountContainerOptions,
} from '../containers/mount-container.ts'
import {
  removeContainer,
  type RemoveContainerOptions,
  type RemovedContainer,
} from '../containers/remove-container.ts'
import { renameContainer } from '../containers/rename-container.ts'
import { runIn, type RunInOptions } from '../containers/run-in.ts'
import type { Container } from '../store/container-db.ts'
import type { Store } from '../store/store.ts'
import type { RunInRootResult } from '../sys/run-in-root.ts'
import type { StartedServer } from '../sys/start-server.ts'
import type { StoreEvents } from './store-events.ts'

/** A container's root, mounted. `await using` takes the mount away at the end of the scope. */
export class RWMount implements AsyncDisposable {
  /** Real path. */
  readonly target: string
  readonly view: 'kernel' | 'fuse' | 'merge'
  /** With `foreground`: the FUSE server in this process. */
  readonly server: StartedServer | undefined
  readonly #unmount: () => Promise<void>

  constructor(
    shown: { target: string; view: 'kernel' | 'fuse' | 'merge'; server?: StartedServer },
    unmount: () => Promise<void>,
  ) {
    this.target = shown.target
    this.view = shown.view
    this.server = shown.server
    this.#unmount = unmount
  }

  /**
   * Where somebody has unmounted it already, there is nothing to do.
   * @throws HostError (EBUSY: somebody is in it)
   */
  unmount(): Promise<void> {
    return this.#unmount()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#unmount()
  }
}

/** A bundle; `await using` unmounts its rootfs where that is a mount, and leaves the files. */
export interface RWBundle extends Bundle, AsyncDisposable {}

/**
 * A container of a store: `store.mounts.create` makes one, `get` and `list` find them.
 *
 * `await using` takes away what was mounted through this object. The container itself stays until `remove`.
 */
export class RWLayer implements AsyncDisposable {
  /** 64 hex digits. */
  readonly id: string
  readonly #store: Store
  readonly #events: StoreEvents
  readonly #mounts: RWMount[] = []

  /** @see RWLayers */
  constructor(store: Store, events: StoreEvents, id: string) {
    this.#store = store
    this.#events = events
    this.id = id
  }

  /**
   * All that the store knows of it now: settings, state, the driver's directories.
   * @throws NotFoundError ERR_CONTAINER_NOT_FOUND once it is removed, as everything below
   */
  get container(): Container {
    return containerOf(this.#store, this.id)
  }

  get name(): string {
    return this.container.name
  }

  /**
   * Mounts its root, writable, on an existing directory; without one, where engines have it: `<mount-id>/merged`.
   * @throws ConflictError ERR_MOUNT_EXISTS; UnsupportedError ERR_OVERLAY_UNAVAILABLE; NotFoundError ERR_FILE_NOT_FOUND;
   *   InvalidArgumentError ERR_OPTION; HostError; signal.reason
   */
  async mount(directory?: string, options: MountContainerOptions = {}): Promise<RWMount> {
    const shown = await mountContainer(this.#store, this.id, directory, options)
    const { target } = shown
    this.#tell('mount', { target })
    const mount = new RWMount(shown, () => this.#unmount(target))
    this.#mounts.push(mount)
    return mount
  }

  async #unmount(target: string): Promise<void> {
    try {
      await unmountContainer(this.#store, target)
      this.#tell('unmount', { target })
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error
    }
  }

  /**
   * What was added, changed and deleted since it was made, as `docker diff` lists it.
   * @throws ConflictError ERR_CONTAINER_IN_USE where it is written out as a merge that cannot be folded now; HostError;
   *   signal.reason
   */
  changes(options: ChangesOptions = {}): Promise<TreeChange[]> {
    return changesOf(this.#store, this.id, options)
  }

  /**
   * Makes an image of it: its changes as a new layer on the image that it was made of.
   * @throws InvalidArgumentError ERR_OPTION; ConflictError ERR_CONTAINER_IN_USE; NotFoundError ERR_IMAGE_NOT_FOUND;
   *   HostError; signal.reason. The store stays as it was.
   */
  async commit(options: CommitOptions = {}): Promise<CommittedImage> {
    const made = await commitContainer(this.#store, this.id, this.#events.transfer(options))
    const { imageID, name } = made
    this.#tell('commit', { imageID })
    this.#events.emit('image', {
      action: 'commit',
      imageID,
      names: name === undefined ? [] : [name],
    })
    return made
  }

  /** Its whole tree as one tar. @throws HostError and signal.reason while it is read */
  export(options: ExportOptions = {}): AsyncGenerator<Uint8Array> {
    return exportTree(this.#store, this.id, options)
  }

  /**
   * Writes a bundle for an OCI runtime into a folder, its rootfs mounted, or written out where it cannot be.
   * @throws ConflictError ERR_DESTINATION_EXISTS, ERR_MOUNT_EXISTS; InvalidArgumentError ERR_OPTION; HostError;
   *   signal.reason
   */
  async bundle(directory: string, options: BundleOptions = {}): Promise<RWBundle> {
    const bundle = await writeBundle(this.#store, this.id, directory, options)
    const target = `${bundle.directory}/rootfs`
    if (bundle.rootfs === 'mount') this.#tell('mount', { target })
    return {
      ...bundle,
      [Symbol.asyncDispose]: async (): Promise<void> => {
        if (bundle.rootfs === 'mount') await this.#unmount(target)
      },
    }
  }

  /** Runs a program in its root, to its end: chroot or a user namespace, nothing more. @see runIn */
  run(
    command: readonly [string, ...string[]],
    options: RunInOptions = {},
  ): Promise<RunInRootResult> {
    return runIn(this.#store, this.id, command, options)
  }

  /** @throws ConflictError ERR_CONTAINER_NAME_IN_USE; InvalidArgumentError ERR_OPTION */
  async rename(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await renameContainer(this.#store, this.id, name, options)
    this.#tell('rename')
  }

  /** @throws ConflictError ERR_CONTAINER_IN_USE: running, or mounted and not forced */
  async remove(options: RemoveContainerOptions = {}): Promise<RemovedContainer> {
    const removed = await removeContainer(this.#store, this.id, options)
    if (!options.dryRun) this.#events.emit('container', { action: 'destroy', ...removed })
    return removed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const mount of this.#mounts.splice(0).reverse()) await mount.unmount()
  }

  #tell(
    action: 'mount' | 'unmount' | 'commit' | 'rename',
    more: { target?: string; imageID?: CommittedImage['imageID'] } = {},
  ): void {
    this.#events.emit('container', { action, id: this.id, name: this.name, ...more })
  }
}
