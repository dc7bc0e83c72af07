// store.mounts: the read-write layers of a store, which are its containers, made and found. Named as docker's store
// names its folder for them, `layerdb/mounts`.

import { createContainer, type CreateOptions } from '../containers/create-container.ts'
import { containerOf } from '../containers/container-stack.ts'
import type { Store } from '../store/store.ts'
import { RWLayer } from './rw-layer.ts'
import type { StoreEvents } from './store-events.ts'

/** `store.mounts`: makes containers, and finds those that are there. */
export class RWLayers {
  readonly #store: Store
  readonly #events: StoreEvents

  constructor(store: Store, events: StoreEvents) {
    this.#store = store
    this.#events = events
  }

  /**
   * A new container of an image: a writable layer of its own on the image's, as `docker create` makes it.
   * @param image a name, an ID or the start of one
   * @throws NotFoundError ERR_IMAGE_NOT_FOUND; ConflictError ERR_CONTAINER_NAME_IN_USE, ERR_DESTINATION_EXISTS;
   *   InvalidArgumentError ERR_OPTION; HostError; signal.reason. Whatever is thrown, the store is as it was.
   * @example await using rw = await store.mounts.create('app:1', { command: ['/bin/sh'] })
   */
  async create(image: string, options: CreateOptions = {}): Promise<RWLayer> {
    const { id, name } = await createContainer(this.#store, image, options)
    this.#events.emit('container', { action: 'create', id, name })
    return new RWLayer(this.#store, this.#events, id)
  }

  /**
   * @param name a name, an ID or the start of one
   * @throws NotFoundError ERR_CONTAINER_NOT_FOUND; InvalidArgumentError ERR_AMBIGUOUS_ID
   */
  get(name: string): RWLayer {
    return new RWLayer(this.#store, this.#events, containerOf(this.#store, name).id)
  }

  /** Every container of the store, in the order of their IDs, also those that another engine made or runs. */
  list(): RWLayer[] {
    const ids = this.#store.containerDB.list().map(({ id }) => id)
    return ids.sort().map((id) => new RWLayer(this.#store, this.#events, id))
  }
}
