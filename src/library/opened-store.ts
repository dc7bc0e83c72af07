// The store as a program has it open: all that the functions of this library do to a whole store as methods of one
// object, with one place to listen. Adds no rule of its own; the functions remain, for who wants one and not the rest.

import { squashImage, type SquashedImage, type SquashOptions } from '../containers/squash.ts'
import type { Driver } from '../driver/driver.ts'
import type { ImageID } from '../digest/digest.ts'
import type { Layout } from '../store/layout.ts'
import { removeImage, type Removal, type RemoveOptions } from '../store/remove-image.ts'
import { Store, type OpenOptions } from '../store/store.ts'
import { tagImage, type TaggedImage } from '../store/tag-image.ts'
import { importImage, type ImportOptions, type ImportSource } from '../transfer/import.ts'
import { loadArchive, type LoadedImage, type LoadOptions } from '../transfer/load.ts'
import { saveArchive, type SaveOptions } from '../transfer/save.ts'
import { prune, type PruneOptions, type PruneReport } from '../usage/prune.ts'
import { usage, type StoreUsage } from '../usage/usage.ts'
import { RWLayers } from './rw-layers.ts'
import { StoreEvents } from './store-events.ts'

/**
 * What `openStore` gives. Every function of this library takes it for its `store`; every method that may take long
 * takes a `signal`.
 * @example
 * await using store = await openStore('/var/lib/shale')
 * store.events.on('progress', (step) => console.error(step))
 * const [image] = await store.load('app.tar')
 * await using rw = await store.mounts.create(image.imageID)
 */
export class OpenedStore extends Store {
  readonly events: StoreEvents
  /** Its containers: `create`, `get`, `list`. */
  readonly mounts: RWLayers

  protected constructor(layout: Layout, driver: Driver, options: OpenOptions) {
    const events = new StoreEvents()
    const { onWarning } = options
    super(layout, driver, {
      ...options,
      onWarning: (warning) => {
        events.emit('warning', warning)
        onWarning?.(warning)
      },
    })
    this.events = events
    this.mounts = new RWLayers(this, events)
  }

  /** @see Store.open */
  static override async open(root: string, options: OpenOptions = {}): Promise<OpenedStore> {
    return (await super.open(root, options)) as OpenedStore
  }

  /** @see loadArchive */
  async load(
    input: string | AsyncIterable<Uint8Array>,
    options: LoadOptions = {},
  ): Promise<LoadedImage[]> {
    const loaded = await loadArchive(this, input, this.events.transfer(options))
    for (const { imageID, names } of loaded)
      this.events.emit('image', { action: 'load', imageID, names })
    return loaded
  }

  /** @see importImage */
  async import(
    source: ImportSource,
    options: ImportOptions = {},
  ): Promise<{ imageID: ImageID; name?: string }> {
    const made = await importImage(this, source, this.events.transfer(options))
    const names = made.name === undefined ? [] : [made.name]
    this.events.emit('image', { action: 'import', imageID: made.imageID, names })
    return made
  }

  /** @see saveArchive */
  save(names: readonly string[], options: SaveOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    return saveArchive(this, names, this.events.transfer(options))
  }

  /**
   * One more name for an image; another image that had it loses it.
   * @param image a name, an ID or the start of one
   * @see tagImage
   */
  async tag(
    image: string,
    target: string,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<TaggedImage> {
    const tagged = await tagImage(this, image, target, options)
    const { imageID, name } = tagged
    this.events.emit('image', { action: 'tag', imageID, names: [name] })
    return tagged
  }

  /** A new image with the layers of one, all or those from one upward, as a single one. @see squashImage */
  async squash(image: string, options: SquashOptions = {}): Promise<SquashedImage> {
    const made = await squashImage(this, image, this.events.transfer(options))
    const names = made.name === undefined ? [] : [made.name]
    this.events.emit('image', { action: 'squash', imageID: made.imageID, names })
    return made
  }

  /** Removes one image as `docker rmi` does. @see removeImage */
  async remove(name: string, options: RemoveOptions = {}): Promise<Removal[]> {
    const removals = await removeImage(this, name, options)
    if (options.dryRun) return removals
    for (const removal of removals) this.events.emit('image', { action: 'remove', removal })
    return removals
  }

  /** Gives back what nothing uses; `dryRun` says what that would be. @see prune */
  async prune(options: PruneOptions = {}): Promise<PruneReport> {
    const names = new Map(this.containerDB.list().map(({ id, name }) => [id, name]))
    const report = await prune(this, options)
    if (options.dryRun) return report
    for (const id of report.containers)
      this.events.emit('container', { action: 'destroy', id, name: names.get(id) ?? id })
    for (const removal of report.images) this.events.emit('image', { action: 'remove', removal })
    return report
  }

  /** What takes space on the disk, what of it could be had back, and what is leaked. @see usage */
  usage(options: { readonly signal?: AbortSignal } = {}): Promise<StoreUsage> {
    return usage(this, options)
  }
}

/**
 * Opens the store at `root`; a root that does not exist yet is an empty store, made by the first write.
 * @see Store.open
 */
export function openStore(root: string, options?: OpenOptions): Promise<OpenedStore> {
  return OpenedStore.open(root, options)
}
