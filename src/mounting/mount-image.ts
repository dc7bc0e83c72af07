// Images by name onto directories, and back: what a store knows of an image meets what a view can show.
// Which view is possible, and how one is made and found again, is src/view's; here only the names are settled.

import type { ImageID } from '../digest/digest.ts'
import { NotFoundError, type OnWarning } from '../errors.ts'
import { openImageStack } from '../inspect/image-stack.ts'
import type { Image, Store } from '../store/store.ts'
import { listViews, unmountView, type ViewPlace } from '../view/mount-list.ts'
import { showView, type Shown, type ViewChoice } from '../view/show.ts'

export interface MountOptions {
  /** Default auto: the kernel's overlay where it shows the image as it is, else FUSE, else a merge written out. */
  readonly view?: ViewChoice
  /** The FUSE server belongs to this process: `Shown.server` tells when it ends. */
  readonly foreground?: boolean
  readonly signal?: AbortSignal
  /** Default: as the store was opened. */
  readonly onWarning?: OnWarning
}

/** An image that is shown somewhere on this host. */
export interface MountedImage {
  /** Real path. */
  readonly target: string
  readonly view: 'kernel' | 'fuse' | 'merge'
  /** Absent where no image of the store has that top layer any more, and where nobody knows which of several it is. */
  readonly imageID?: ImageID
  /**
   * Familiar form. Of images with the same layers, those of the one that the user named, which a merge keeps; of all of
   * them for a mount: the kernel keeps the layers alone.
   */
  readonly names: readonly string[]
  /** RFC 3339; of merges only. */
  readonly createdAt?: string
}

/**
 * Shows an image, read-only, in an existing directory (which must be empty for a merge).
 * @returns which view it became, and why not the kernel's where `auto` had to do without
 * @throws NotFoundError ERR_IMAGE_NOT_FOUND, ERR_FILE_NOT_FOUND; ConflictError ERR_MOUNT_EXISTS,
 *   ERR_DESTINATION_EXISTS; UnsupportedError ERR_OVERLAY_UNAVAILABLE; HostError; signal.reason
 */
export async function mountImage(
  store: Store,
  name: string,
  target: string,
  options: MountOptions = {},
): Promise<Shown> {
  const image = store.image(name)
  const top = image.layers.at(-1)
  if (top === undefined) {
    throw new NotFoundError(
      'ERR_LAYER_NOT_FOUND',
      `cannot mount ${name}: the image has no layers, so there is nothing to show`,
      { details: { imageID: image.id } },
    )
  }
  return showView({
    place: placeOf(store),
    form: store.form,
    spec: await store.driver.mounts(top.cacheID),
    openStack: () => openImageStack(store, image),
    topCacheID: top.cacheID,
    image: name,
    target,
    onWarning: options.onWarning ?? store.onWarning,
    ...(options.view === undefined ? {} : { view: options.view }),
    ...(options.foreground ? { foreground: true } : {}),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
}

/**
 * Takes away what `mountImage` showed, and leaves the directory empty. Works also when the image is gone.
 * @throws NotFoundError ERR_MOUNT_NOT_FOUND; ConflictError; HostError (EBUSY: somebody is in it)
 */
export async function unmountImage(store: Store, target: string): Promise<void> {
  unmountView(placeOf(store), target)
}

/** Everything on this host that shows an image of this store, whoever mounted it. */
export async function listMountedImages(store: Store): Promise<MountedImage[]> {
  const views = listViews(placeOf(store))
  if (views.length === 0) return []
  const images = store.images()
  return views.map((view) => {
    const same = images.filter((image) => image.layers.at(-1)?.cacheID === view.topCacheID)
    const named = same.find((candidate) => isCalled(candidate, view.image))
    const shown = named === undefined ? same : [named]
    return {
      target: view.target,
      view: view.view,
      ...(shown.length === 1 ? { imageID: shown[0]!.id } : {}),
      names: shown.flatMap((image) => image.names.map((stored) => stored.name)),
      ...(view.createdAt === undefined ? {} : { createdAt: view.createdAt }),
    }
  })
}

function isCalled(image: Image, text: string | undefined): boolean {
  if (text === undefined) return false
  const names = image.names.map((stored) => stored.name)
  return names.includes(text) || names.includes(`${text}:latest`) || image.id.includes(text)
}

function placeOf(store: Store): ViewPlace {
  return { home: store.driver.home, merges: store.layout.merges }
}
