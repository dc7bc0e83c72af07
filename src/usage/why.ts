// Who owns this? From a directory, a link name, an ID or a file below them up to the names that people know: layer,
// images, tags, containers. What nothing owns is explained, with the remedy. Reads only, also beside a running dockerd.

import fs from 'node:fs'
import path from 'node:path'
import type { CacheID, ChainID, DiffID, ImageID } from '../digest/digest.ts'
import { NotFoundError } from '../errors.ts'
import { createdByLayer } from '../image/history.ts'
import { pathFromText, pathText, type BytePath } from '../path/byte-path.ts'
import type { ContainerStatus } from '../store/container-db.ts'
import type { Layer } from '../store/layer-db.ts'
import type { Store } from '../store/store.ts'
import type { NodeType } from '../union/layer-view.ts'
import { LayerStack } from '../view/stack.ts'
import { volumeUsers } from '../volumes/volume-users.ts'
import { BuildCache } from './build-cache.ts'
import { FileVisibility, type HiddenBy } from './file-visibility.ts'
import { readInventory, type Inventory, type InventoryImage } from './inventory.ts'
import { keptForContainers } from './kept-for-containers.ts'
import { findLeaks, type LeakKind } from './leaks.ts'
import { Locator, type Inside, type Located } from './locate.ts'
import { findStoreRoot } from './store-root.ts'
import { isDockerdRunning, isWriterActive, layerHolds } from './usage.ts'

export interface WhyLayer {
  readonly chainID: ChainID
  readonly diffID: DiffID
  readonly cacheID: CacheID
  readonly parent?: ChainID
  /** As docker records it. */
  readonly sizeBytes: number
}

export interface WhyImage {
  readonly id: ImageID
  readonly names: readonly string[]
  /** 1 for the base; absent where the whole image is meant. */
  readonly layer?: number
  readonly layers: number
  readonly createdBy?: string
}

export interface WhyContainer {
  readonly id: string
  readonly name: string
  readonly status?: ContainerStatus
  readonly imageName?: string
  /** What it has to do with the thing: it owns it, uses it, or stands on it. */
  readonly relation: 'owns' | 'uses' | 'stands on'
}

/** How one image, or one container, sees a file. */
export interface WhySight {
  readonly image?: ImageID
  readonly container?: string
  readonly names: readonly string[]
  readonly visible: boolean
  readonly hiddenBy?: {
    readonly layer: number
    readonly diffID: DiffID
    readonly how: HiddenBy['how']
    readonly path: string
  }
}

export interface WhyFile {
  /** As the image has it: `/usr/bin/x`. */
  readonly path: string
  /** What this layer, or this merge, has there. */
  readonly type: NodeType | 'whiteout' | 'absent'
  /** Of a path in a merge: which layer gives it; `container` and `init` are the container's own. */
  readonly from?: number | 'container' | 'init'
  readonly sights: readonly WhySight[]
}

export interface WhyAnswer {
  readonly query: string
  readonly root: string
  readonly kind: 'layer' | 'image' | 'container' | 'volume' | 'build-cache' | 'leak' | 'store'
  /** What was asked for, in the store's terms: `overlay2/<id>/diff`, `chainID`, `mount-id`. */
  readonly as: string
  readonly layer?: WhyLayer
  readonly images: readonly WhyImage[]
  readonly containers: readonly WhyContainer[]
  readonly volume?: string
  readonly file?: WhyFile
  readonly leak?: { readonly kind: LeakKind; readonly path: string; readonly reason: string }
  /** What the place is for, where no thing of the store owns it. */
  readonly note?: string
}

/**
 * @param text a path (of any host folder below the store's root, or below an overlay mount of it), an ID or the start of
 *   one, a link name, or the name of an image, a container or a volume
 * @returns one answer, or several where IDs start alike or layers share a diffID
 * @throws NotFoundError ERR_OWNER_NOT_FOUND
 */
export async function why(store: Store, text: string): Promise<WhyAnswer[]> {
  const inventory = readInventory(store)
  const locator = new Locator(store, inventory)
  const located = locate(store, locator, text)
  const explainer = new Explainer(store, inventory, text)
  const answers: WhyAnswer[] = []
  for (const place of located) answers.push(await explainer.explain(place))
  if (answers.length > 0) return answers
  const [unread] = inventory.unreadable
  const but =
    unread === undefined ? '' : ` (but ${unread.path} cannot be read by this user: ${unread.errno})`
  throw new NotFoundError(
    'ERR_OWNER_NOT_FOUND',
    `cannot tell what ${JSON.stringify(text)} is: nothing in ${store.root} has that name, ID or path${but}`,
    {
      details: { text, root: store.root, ...(unread === undefined ? {} : { unread: unread.path }) },
    },
  )
}

function locate(store: Store, locator: Locator, text: string): Located[] {
  const file = path.resolve(text)
  const isPath = text.includes('/')
  const inside = isPath || existsAt(file) ? findStoreRoot(file) : undefined
  if (inside !== undefined && samePlace(inside.root, store.root)) {
    const found = locator.byPath(inside.parts)
    // What is not there is no answer; a name in a folder that happens to exist here is.
    if (found.length > 0 && (found[0]!.kind !== 'folder' || existsAt(file))) return found
  }
  const below = isPath && !path.isAbsolute(text) ? text.split('/').filter(Boolean) : []
  // `overlay2/<id>/diff`, as df and docker's own messages print it, and `l/<link>`, as mount(8) does.
  for (const parts of [below, ['overlay2', ...below]])
    if (below.length > 0 && existsAt(path.join(store.root, ...parts.slice(0, 3))))
      return locator.byPath(parts)
  return locator.byText(text)
}

function samePlace(a: string, b: string): boolean {
  try {
    return a === b || fs.realpathSync(a) === fs.realpathSync(b)
  } catch {
    return false
  }
}

function existsAt(file: string): boolean {
  return fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined
}

class Explainer {
  private readonly store: Store
  private readonly inventory: Inventory
  private readonly query: string

  constructor(store: Store, inventory: Inventory, query: string) {
    this.store = store
    this.inventory = inventory
    this.query = query
  }

  async explain(place: Located): Promise<WhyAnswer> {
    switch (place.kind) {
      case 'layer':
        return this.layer(place)
      case 'image':
        return this.image(place)
      case 'container':
        return this.container(place)
      case 'volume':
        return this.volume(place)
      case 'directory':
        return this.unowned(place)
      case 'folder':
        return this.folder(place)
    }
  }

  private answer(kind: WhyAnswer['kind'], as: string, rest: Partial<WhyAnswer> = {}): WhyAnswer {
    const { query, store } = this
    return { query, root: store.root, kind, as, images: [], containers: [], ...rest }
  }

  private async layer(place: Located & { kind: 'layer' }): Promise<WhyAnswer> {
    const layer = this.inventory.layers.get(place.chainID)!
    const images = this.imagesOf(place.chainID)
    const rest = {
      layer: layerFacts(layer),
      images: images.map((image) => imageFacts(image, place.chainID)),
      containers: this.containersOn(place.chainID),
    }
    // To find all that is leaked, the whole store must be looked at: only where nobody is known to have it.
    const isOwned = images.some((image) => image.isWhole) || rest.containers.length > 0
    const leak = isOwned ? undefined : this.leakOf((found) => found.paths.includes(layer.path))
    if (leak !== undefined) return this.answer('leak', place.as, { ...rest, leak })
    const file = place.inside === undefined ? undefined : await this.fileIn(layer, place.inside)
    return this.answer('layer', place.as, { ...rest, ...(file === undefined ? {} : { file }) })
  }

  /** Newest first, those with names before those without. */
  private imagesOf(chainID: ChainID): InventoryImage[] {
    return [...this.inventory.images.values()]
      .filter((image) => image.chain.includes(chainID))
      .sort((a, b) => {
        const named = Number(b.names.length > 0) - Number(a.names.length > 0)
        return named || (nameOf(a) < nameOf(b) ? -1 : 1)
      })
  }

  private containersOn(chainID: ChainID): WhyContainer[] {
    const { mounts, layers } = this.inventory
    const found: WhyContainer[] = []
    for (const [id, { parent }] of mounts)
      for (let at = parent; at !== undefined; at = layers.get(at)?.parent)
        if (at === chainID) found.push(this.containerFacts(id, 'stands on'))
    return found
  }

  private containerFacts(id: string, relation: WhyContainer['relation']): WhyContainer {
    const container = this.inventory.containers.get(id)
    return {
      id,
      name: container?.name ?? '',
      ...(container === undefined
        ? {}
        : { status: container.state.status, imageName: container.imageName }),
      relation,
    }
  }

  private image(place: Located & { kind: 'image' }): WhyAnswer {
    const image = this.inventory.images.get(place.id)!
    const users = [...this.inventory.containers.values()].filter(
      ({ imageID }) => imageID === place.id,
    )
    return this.answer('image', place.as, {
      images: [imageFacts(image)],
      containers: users.map(({ id }) => this.containerFacts(id, 'uses')),
    })
  }

  private async container(place: Located & { kind: 'container' }): Promise<WhyAnswer> {
    const mount = this.inventory.mounts.get(place.id)
    const top = mount?.parent
    const file =
      place.inside === undefined ? undefined : await this.fileOf(place.id, place.role, place.inside)
    return this.answer('container', place.as, {
      images: top === undefined ? [] : this.imagesOn(top, place.id),
      containers: [this.containerFacts(place.id, 'owns')],
      ...(file === undefined ? {} : { file }),
    })
  }

  /** The image that a container was made of; where it does not say, those with that top layer. */
  private imagesOn(top: ChainID, id: string): WhyImage[] {
    const imageID = this.inventory.containers.get(id)?.imageID
    const own = imageID === undefined ? undefined : this.inventory.images.get(imageID)
    if (own !== undefined) return [imageFacts(own)]
    return [...this.inventory.images.values()]
      .filter((image) => image.chain.at(-1) === top)
      .map((image) => imageFacts(image))
  }

  private volume(place: Located & { kind: 'volume' }): WhyAnswer {
    const users = volumeUsers(this.inventory.containers.values()).get(place.name) ?? []
    return this.answer('volume', place.as, {
      volume: place.name,
      containers: users.map((id) => this.containerFacts(id, 'uses')),
    })
  }

  private folder({ path: file, as }: Located & { kind: 'folder' }): WhyAnswer {
    const full = path.join(this.store.root, file)
    const covers = (place: string): boolean => full === place || full.startsWith(`${place}/`)
    const leak = this.leakOf((found) => found.paths.some(covers))
    if (leak !== undefined) return this.answer('leak', as, { leak })
    return this.answer('store', as, { note: noteOn(file) })
  }

  private unowned({ name, as }: Located & { kind: 'directory' }): WhyAnswer {
    const directory = path.join(this.store.driver.home, name)
    const leak = this.leakOf((found) => found.paths.includes(directory))
    if (leak !== undefined) return this.answer('leak', as, { leak })
    const owner = this.inventory.owners.get(name)
    if (owner?.kind === 'broken-layer') {
      const chainID = `sha256:${owner.name}` as ChainID
      const images = this.imagesOf(chainID)
      if (images.length > 0)
        return this.answer('store', as, {
          images: images.map((image) => imageFacts(image, chainID)),
          note: `the files of layer ${owner.name}, whose folder in layerdb cannot be read; load the image that needs it again`,
        })
    }
    if (isWriterActive(this.store))
      return this.answer('store', as, { note: 'a shale process is writing it at this moment' })
    if (keptForContainers(this.store, this.inventory)(name))
      return this.answer('store', as, {
        note: 'no file of layerdb names it, but a container may need it: its own layer, or one that it stands on',
      })
    return this.answer('build-cache', as, {
      note: "dockerd's build cache knows it; docker builder prune gives it back",
    })
  }

  private leakOf(isIt: (leak: { paths: readonly string[] }) => boolean): WhyAnswer['leak'] {
    const buildCache = new BuildCache(this.store.root)
    const leak = findLeaks(this.store, this.inventory, {
      unreferenced: layerHolds(this.inventory, buildCache).settle(),
      buildCache,
      writerActive: isWriterActive(this.store),
      dockerdRunning: isDockerdRunning(this.store),
    }).find(isIt)
    return leak && { kind: leak.kind, path: leak.path, reason: leak.reason }
  }

  private async fileIn(layer: Layer, inside: Inside): Promise<WhyFile | undefined> {
    const file = bytePath(inside.file)
    if (file === '') return undefined
    if (inside.part === 'merged')
      return this.fileInMerge(await this.store.driver.stack(layer.cacheID), file)
    if (inside.part !== 'diff' || this.store.driver.name === 'vfs') return undefined
    const visibility = new FileVisibility(this.store, layer, file)
    const sights =
      visibility.type === 'absent'
        ? []
        : this.imagesOf(layer.chainID)
            .filter((image) => image.isWhole)
            .map((image) => this.sight(image, visibility))
    return { path: shown(file), type: visibility.type, sights }
  }

  private sight(image: InventoryImage, visibility: FileVisibility): WhySight {
    const hidden = visibility.hiddenIn(image.chain.map((id) => this.inventory.layers.get(id)!))
    return {
      image: image.facts.id,
      names: image.names.map(({ name }) => name),
      visible: hidden === undefined,
      ...(hidden === undefined
        ? {}
        : {
            hiddenBy: {
              layer: image.chain.indexOf(hidden.chainID) + 1,
              diffID: hidden.diffID,
              how: hidden.how,
              path: shown(hidden.at),
            },
          }),
    }
  }

  private async fileOf(
    id: string,
    role: 'writable' | 'init' | 'facts',
    inside: Inside,
  ): Promise<WhyFile | undefined> {
    const mount = this.inventory.mounts.get(id)
    const file = bytePath(inside.file)
    if (mount === undefined || file === '') return undefined
    if (!['diff', 'merged'].includes(inside.part)) return undefined
    const directories = await this.store.driver.stack(mount.mountID)
    if (inside.part === 'merged')
      return this.fileInMerge(directories, file, mount.initID !== undefined)
    const own = role === 'init' ? 1 : 0
    using stack = new LayerStack(directories, { form: this.store.form })
    const node = stack.layers[own]?.lookup(file)
    const type = node === undefined ? 'absent' : node === 'whiteout' ? 'whiteout' : node.type
    const sight = stack.view.lookup(file)
    const visible = type === 'whiteout' ? sight === undefined : sight?.layer === own
    const { name } = this.containerFacts(id, 'owns')
    return {
      path: shown(file),
      type,
      sights: type === 'absent' ? [] : [{ container: id, names: [name], visible }],
    }
  }

  /** @param isContainer the nearest two directories are its own */
  private fileInMerge(
    directories: readonly string[],
    file: BytePath,
    isContainer = false,
  ): WhyFile {
    using stack = new LayerStack(directories, { form: this.store.form })
    const node = stack.view.lookup(file)
    if (node === undefined) return { path: shown(file), type: 'absent', sights: [] }
    const own = isContainer ? (['container', 'init'] as const) : []
    const from = own[node.layer] ?? directories.length - node.layer
    return { path: shown(file), type: node.type, from, sights: [] }
  }
}

function layerFacts(layer: Layer): WhyLayer {
  const { chainID, diffID, cacheID, parent, sizeBytes } = layer
  return { chainID, diffID, cacheID, sizeBytes, ...(parent === undefined ? {} : { parent }) }
}

function imageFacts(image: InventoryImage, chainID?: ChainID): WhyImage {
  const index = chainID === undefined ? -1 : image.chain.indexOf(chainID)
  const createdBy = index < 0 ? undefined : createdByLayer(image.facts.config)[index]
  return {
    id: image.facts.id,
    names: image.names.map(({ name }) => name),
    layers: image.chain.length,
    ...(index < 0 ? {} : { layer: index + 1 }),
    ...(createdBy === undefined ? {} : { createdBy }),
  }
}

function nameOf(image: InventoryImage): string {
  return image.names[0]?.name ?? image.facts.id
}

function bytePath(parts: readonly string[]): BytePath {
  return pathFromText(parts.join('/'))
}

function shown(file: BytePath): string {
  return `/${pathText(file)}`
}

const NOTES: readonly (readonly [RegExp, string])[] = [
  [/^$/, 'the root of the store'],
  [/^overlay2\/l$/, 'the short names of the directories, for mount lines'],
  [/^image\/[^/]+\/repositories\.json$/, 'the names of all images'],
  [/^image\/[^/]+\/distribution/, 'a cache of what dockerd knows about registries; safe to lose'],
  [/^image/, 'the databases of layers and images'],
  [/^(overlay2|vfs)/, "the driver's directories"],
  [/^containers/, 'the containers'],
  [/^volumes/, 'the volumes, and dockerd’s database of them'],
  [/^buildkit/, "dockerd's build cache: its own databases"],
  [/^shale/, "shale's own: the lock, the form of the layers, merges that are shown"],
  [
    /^(containerd|network|plugins|runtimes|swarm|trust|tmp)/,
    "dockerd's own; no part of the image store",
  ],
]

function noteOn(file: string): string {
  return NOTES.find(([pattern]) => pattern.test(file))?.[1] ?? 'nothing of the store’s own'
}
