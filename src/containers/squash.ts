// squash: an image whose layers, all of them or those from one upward, are a single one. The config is the image's own,
// with the history that `docker build --squash` writes; the other layers stay shared.
// The new layer keeps what the image shows: nanoseconds, attributes, hardlinks.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { changesTar, layerTar, type DiffOptions } from '../archive/diff.ts'
import type { DiffID, ImageID } from '../digest/digest.ts'
import { InvalidArgumentError, NotFoundError, type OnWarning } from '../errors.ts'
import type { HistoryItem } from '../image/config.ts'
import { goTime, newConfig, type NewHistoryItem } from '../image/new-config.ts'
import { openImageStack } from '../inspect/image-stack.ts'
import { familiarString, parseTarget } from '../reference/reference.ts'
import { digestOf } from '../store/digest-of.ts'
import type { Layer } from '../store/layer-db.ts'
import type { Image, Store } from '../store/store.ts'
import { sourceDateEpoch, timestampNow } from '../store/timestamp.ts'
import type { Transaction } from '../store/transaction.ts'
import type { TransferOptions } from '../transfer/progress.ts'
import { LayerRegistration } from '../transfer/register-layers.ts'
import { spool } from '../transfer/spool.ts'
import { mergeLayers } from '../union/merge.ts'
import { comparePair } from './changes.ts'
import { SquashedLayer } from './squash-layer.ts'
import { openLayersPair } from './squash-pair.ts'

export interface SquashOptions extends TransferOptions {
  /** `REPO[:TAG]` for the new image. */
  readonly reference?: string
  /** The lowest layer that goes into the new one: its number (1 is the base), or the start of its diffID or chainID. Default: 1. */
  readonly from?: string
  /** Default: as the store was opened. */
  readonly onWarning?: OnWarning
}

export interface SquashedImage {
  readonly imageID: ImageID
  /** Familiar form. */
  readonly name?: string
  readonly diffID: DiffID
  /** How many layers became one. */
  readonly squashedLayers: number
}

/**
 * SOURCE_DATE_EPOCH, where set, is the image's time and the latest in the layer. Equal layers give an equal diffID.
 * @throws NotFoundError ERR_IMAGE_NOT_FOUND, ERR_LAYER_NOT_FOUND; InvalidArgumentError ERR_AMBIGUOUS_ID,
 *   ERR_REFERENCE_SYNTAX; HostError; signal.reason. The store stays as it was.
 */
export async function squashImage(
  store: Store,
  name: string,
  options: SquashOptions = {},
): Promise<SquashedImage> {
  const reference = options.reference === undefined ? undefined : parseTarget(options.reference)
  lowestOf(store.image(name), options.from) // what is wrong is refused before anything is locked or made
  return store.write(
    async (transaction) => {
      const image = store.image(name)
      const lowest = lowestOf(image, options.from)
      const epoch = sourceDateEpoch()
      const created = epoch === undefined ? timestampNow() : goTime(BigInt(epoch) * 1_000_000_000n)
      const diffID = await registerSquashed(store, transaction, image, lowest, options, epoch)
      const bytes = configOf(image, lowest, diffID, created)
      const digest = digestOf(bytes)
      const imageID = digest as ImageID
      const { layout } = store
      const metadata = layout.imageMetadata(imageID)
      const plan = (content: Uint8Array | string, to: string): void =>
        transaction.plan({ op: 'rename', from: transaction.stageFile(content, 0o600), to })
      plan(bytes, layout.imageContent(imageID))
      const squashed = { imageID, diffID, squashedLayers: image.layers.length - lowest }
      if (!reference) return squashed
      transaction.plan({ op: 'make-directory', path: metadata, mode: 0o700 })
      plan(timestampNow(), path.join(metadata, 'lastUpdated'))
      plan(store.references().with(reference, imageID).toJSONText(), layout.repositories)
      return { ...squashed, name: familiarString(reference) }
    },
    options.signal ? { signal: options.signal } : {},
  )
}

/** Index into image.layers. */
function lowestOf(image: Image, from: string | undefined): number {
  const { layers } = image
  if (layers.length === 0) {
    throw new NotFoundError(
      'ERR_LAYER_NOT_FOUND',
      `cannot squash image ${image.id}: it has no layers`,
      { details: { imageID: image.id } },
    )
  }
  if (from === undefined) return 0
  if (/^[1-9][0-9]{0,2}$/.test(from) && Number(from) <= layers.length) return Number(from) - 1
  const prefix = from.replace(/^sha256:/, '')
  const found = /^[0-9a-f]+$/.test(prefix)
    ? layers.filter(({ diffID, chainID }) =>
        [diffID, chainID].some((id) => id.startsWith(`sha256:${prefix}`)),
      )
    : []
  if (found.length === 1) return layers.indexOf(found[0]!)
  const details = { layer: from, imageID: image.id }
  if (found.length > 1) {
    throw new InvalidArgumentError(
      'ERR_AMBIGUOUS_ID',
      `cannot tell which layer ${from} means: ${found.length} layers of the image begin so; give its number, 1 to ${layers.length}`,
      { details },
    )
  }
  throw new NotFoundError(
    'ERR_LAYER_NOT_FOUND',
    `cannot squash from layer ${from}: the image has layers 1 to ${layers.length}, and none with such a diffID or chainID`,
    { details },
  )
}

async function registerSquashed(
  store: Store,
  transaction: Transaction,
  image: Image,
  lowest: number,
  options: SquashOptions,
  epoch: number | undefined,
): Promise<DiffID> {
  const hash = createHash('sha256')
  const tar = squashedTar(store, image, lowest, {
    exact: true,
    onWarning: options.onWarning ?? store.onWarning,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(epoch === undefined ? {} : { sourceDateEpoch: epoch }),
  })
  const file = await spool(hashed(tar, hash), transaction.spool, options)
  const diffID = `sha256:${hash.digest('hex')}` as DiffID
  const registration = new LayerRegistration(store, transaction, options)
  await registration.add([
    ...image.layers.slice(0, lowest).map(knownLayer),
    {
      label: `layers ${lowest + 1} to ${image.layers.length} of ${image.id}`,
      blob: { file, offset: 0, sizeBytes: fs.statSync(file).size },
      diffID,
    },
  ])
  await registration.apply()
  registration.plan()
  return diffID
}

/** The store has it: its bytes are not asked for. */
function knownLayer({ diffID, path: file }: Layer): {
  label: string
  blob: { file: string; offset: number; sizeBytes: number }
  diffID: DiffID
} {
  return { label: diffID, blob: { file, offset: 0, sizeBytes: 0 }, diffID }
}

async function* squashedTar(
  store: Store,
  image: Image,
  lowest: number,
  options: DiffOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (store.driver.name === 'overlay2') {
    using stack = await openImageStack(store, image)
    const count = image.layers.length - lowest
    const below = mergeLayers(stack.layers.slice(count))
    const squashed = new SquashedLayer(stack.layers.slice(0, count), below)
    yield* layerTar(squashed, { ...options, below })
    return
  }
  // vfs keeps whole trees: what the layers changed together is found by comparing them.
  using pair = await openLayersPair(store, image, lowest)
  const { signal } = options
  const changes = await comparePair(pair, { rule: 'exact', ...(signal ? { signal } : {}) })
  yield* changesTar(changes, pair.after, { ...options, below: pair.before.view })
}

async function* hashed(
  source: AsyncIterable<Uint8Array>,
  hash: { update(bytes: Uint8Array): unknown },
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const bytes of source) {
    hash.update(bytes)
    yield bytes
  }
}

/** moby daemon/images SquashImage: the history stays, what made a squashed layer makes none any more, one item is new. */
function configOf(image: Image, lowest: number, diffID: DiffID, created: string): Uint8Array {
  const { config } = image
  const parent = image.layers[lowest - 1]
  const comment =
    parent === undefined ? `create new from ${image.id}` : `merge ${image.id} to ${parent.chainID}`
  return newConfig({
    architecture: config.architecture,
    variant: config.variant,
    os: config.os || 'linux',
    osVersion: config.osVersion,
    osFeatures: config.osFeatures,
    created,
    author: config.author,
    comment: config.comment,
    config: config.config ?? {},
    ...(config.containerConfig === undefined ? {} : { containerConfig: config.containerConfig }),
    container: config.container,
    dockerVersion: config.dockerVersion,
    history: [...squashedHistory(config.history, lowest), { created, comment }],
    diffIDs: [...config.rootfs.diffIDs.slice(0, lowest), diffID],
  })
}

function squashedHistory(history: readonly HistoryItem[], lowest: number): NewHistoryItem[] {
  let kept = 0
  return history.map((item) => {
    const { created, author, createdBy, comment } = item
    const emptyLayer = item.emptyLayer || kept >= lowest
    if (!emptyLayer) kept++
    // Go writes its zero time where a step has none.
    return { created: created ?? '0001-01-01T00:00:00Z', author, createdBy, comment, emptyLayer }
  })
}
