// commit: what a container changed becomes a layer on its image's, and its settings an image's. The tar is docker's
// native diff of the writable layer; the config is the one that docker would write of the same facts.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { changesTar, layerTar, type DiffOptions } from '../archive/diff.ts'
import type { DiffID, ImageID } from '../digest/digest.ts'
import { NotFoundError, type OnWarning } from '../errors.ts'
import { applyChanges } from '../image/changes.ts'
import { goTime, newConfig, type NewHistoryItem } from '../image/new-config.ts'
import { normalizedTime } from '../inspect/image-inspect.ts'
import { familiarString, parseTarget } from '../reference/reference.ts'
import { ZERO_TIME, type Container } from '../store/container-db.ts'
import { digestOf } from '../store/digest-of.ts'
import type { ImageFacts } from '../store/image-db.ts'
import type { Store } from '../store/store.ts'
import { sourceDateEpoch, timestampNow } from '../store/timestamp.ts'
import type { Transaction } from '../store/transaction.ts'
import type { TransferOptions } from '../transfer/progress.ts'
import { LayerRegistration } from '../transfer/register-layers.ts'
import { spool } from '../transfer/spool.ts'
import { DirectoryLayer } from '../view/directory-layer.ts'
import { LayerStack } from '../view/stack.ts'
import { comparePair } from './changes.ts'
import { mergeConfigs } from './container-settings.ts'
import { settleContainer } from './container-merges.ts'
import { containerOf, imageLayersOf, layerOf } from './container-stack.ts'
import { withoutWriters } from './mount-container.ts'
import { openContainerPair } from './tree-pair.ts'

export interface CommitOptions extends TransferOptions {
  /** `REPO[:TAG]` */
  readonly reference?: string
  readonly author?: string
  readonly message?: string
  /** Dockerfile instructions, as for an import. */
  readonly changes?: readonly string[]
  /** While the layer is read nobody writes through a mount of the container. Default true. */
  readonly pause?: boolean
  /** Default: as the store was opened. */
  readonly onWarning?: OnWarning
}

export interface CommittedImage {
  readonly imageID: ImageID
  /** Familiar form. */
  readonly name?: string
  /** The new layer; absent where the container had changed nothing. */
  readonly diffID?: DiffID
}

/** Of the tar that holds nothing: two zero blocks. */
const EMPTY_DIFF_ID =
  'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef' as DiffID

/**
 * SOURCE_DATE_EPOCH, where set, is the image's time and the latest in the layer, and the image does not say which
 * container it was: equal trees and settings give equal diffIDs and image IDs, on any machine.
 * @throws NotFoundError ERR_CONTAINER_NOT_FOUND, ERR_IMAGE_NOT_FOUND; InvalidArgumentError ERR_OPTION for a bad change;
 *   ConflictError ERR_CONTAINER_IN_USE when a file is open for writing; HostError. The store stays as it was.
 */
export async function commitContainer(
  store: Store,
  name: string,
  options: CommitOptions = {},
): Promise<CommittedImage> {
  const reference = options.reference === undefined ? undefined : parseTarget(options.reference)
  containerOf(store, name) // a wrong name is refused before anything is locked or made
  return store.write(
    async (transaction) => {
      const container = containerOf(store, name)
      await settleContainer(store, container, options.signal)
      const parent = parentOf(store, container)
      const epoch = sourceDateEpoch()
      const settings = epoch === undefined ? container.config : withoutDrawnName(container)
      const config = mergeConfigs(applyChanges(settings, options.changes ?? []), settings)
      const created = epoch === undefined ? timestampNow() : goTime(BigInt(epoch) * 1_000_000_000n)
      const diffID = await registerDiff(store, transaction, container, options, epoch)
      const { author = '', message = '' } = options
      const bytes = newConfig({
        architecture: parent.config.architecture,
        variant: parent.config.variant,
        os: parent.config.os || 'linux',
        osVersion: parent.config.osVersion,
        osFeatures: parent.config.osFeatures,
        created,
        author,
        config,
        // docker's later versions leave both out of every image.
        ...(epoch === undefined
          ? { containerConfig: container.config, container: container.id }
          : {}),
        history: [
          ...parent.config.history.map(historyOf),
          {
            created,
            author,
            createdBy: (container.config.Cmd ?? []).join(' '),
            comment: message,
            emptyLayer: diffID === undefined,
          },
        ],
        diffIDs: [...parent.config.rootfs.diffIDs, ...(diffID === undefined ? [] : [diffID])],
      })
      const digest = digestOf(bytes)
      const imageID = digest as ImageID
      planImage(store, transaction, { imageID, bytes, parent: parent.id })
      const made = { imageID, ...(diffID === undefined ? {} : { diffID }) }
      if (!reference) return made
      const { layout } = store
      transaction.plan({
        op: 'rename',
        from: transaction.stageFile(timestampNow(), 0o600),
        to: path.join(layout.imageMetadata(imageID), 'lastUpdated'),
      })
      transaction.plan({
        op: 'rename',
        from: transaction.stageFile(
          store.references().with(reference, imageID).toJSONText(),
          0o600,
        ),
        to: layout.repositories,
      })
      return { ...made, name: familiarString(reference) }
    },
    options.signal ? { signal: options.signal } : {},
  )
}

function parentOf(store: Store, container: Container): ImageFacts {
  const facts = container.imageID && store.imageDB.get(container.imageID)
  if (facts) return facts
  throw new NotFoundError(
    'ERR_IMAGE_NOT_FOUND',
    `cannot commit container ${container.id.slice(0, 12)}: its image ${container.imageID ?? '(none)'} is not in the store any more; shale export it instead`,
    { details: { container: container.id, imageID: container.imageID } },
  )
}

/** Its host name is the start of its ID, which is drawn by lot, unless somebody chose one. */
function withoutDrawnName({ id, config }: Container): Container['config'] {
  return config.Hostname === id.slice(0, 12) ? { ...config, Hostname: '' } : config
}

/** As Go writes again what it has read: a time that is missing becomes its zero time. */
function historyOf(item: ImageFacts['config']['history'][number]): NewHistoryItem {
  const { created, author, createdBy, comment, emptyLayer } = item
  return {
    created: created === undefined ? ZERO_TIME : normalizedTime(created),
    author,
    createdBy,
    comment,
    emptyLayer,
  }
}

/** @returns undefined where nothing was changed */
async function registerDiff(
  store: Store,
  transaction: Transaction,
  container: Container,
  options: CommitOptions,
  epoch: number | undefined,
): Promise<DiffID | undefined> {
  const diffOptions: DiffOptions = {
    onWarning: options.onWarning ?? store.onWarning,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(epoch === undefined ? {} : { sourceDateEpoch: epoch }),
  }
  const hash = createHash('sha256')
  const write = (): Promise<string> =>
    spool(hashed(diffTar(store, container, diffOptions), hash), transaction.spool, options)
  const file = await ((options.pause ?? true) ? withoutWriters(store, container, write) : write())
  const diffID = `sha256:${hash.digest('hex')}` as DiffID
  if (diffID === EMPTY_DIFF_ID) return undefined
  const registration = new LayerRegistration(store, transaction, options)
  const below = imageLayersOf(store, container).map((layer) => ({
    label: layer.diffID,
    blob: { file: layer.path, offset: 0, sizeBytes: 0 },
    diffID: layer.diffID,
  }))
  await registration.add([
    ...below,
    {
      label: `changes of container ${container.id.slice(0, 12)}`,
      blob: { file, offset: 0, sizeBytes: fs.statSync(file).size },
      diffID,
    },
  ])
  await registration.apply()
  registration.plan()
  return diffID
}

async function* diffTar(
  store: Store,
  container: Container,
  options: DiffOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (store.driver.name === 'overlay2') {
    const directory = store.driver.layerDirectory(layerOf(container).mountID)
    using layer = new DirectoryLayer(directory, { form: store.form })
    const top = imageLayersOf(store, container).at(-1)
    const directories = top === undefined ? [] : await store.driver.stack(top.cacheID)
    // Of what lies below only the names are asked, for which a tar need not be read.
    using lower = new LayerStack(directories, { form: store.form })
    yield* layerTar(layer, { ...options, below: lower.view })
    return
  }
  // vfs keeps whole trees: what changed is found by comparing them.
  using pair = await openContainerPair(store, container)
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

function planImage(
  store: Store,
  transaction: Transaction,
  image: {
    readonly imageID: ImageID
    readonly bytes: Uint8Array
    readonly parent: ImageID
  },
): void {
  const { layout } = store
  const { imageID, bytes, parent } = image
  const metadata = layout.imageMetadata(imageID)
  transaction.plan({
    op: 'rename',
    from: transaction.stageFile(bytes, 0o600),
    to: layout.imageContent(imageID),
  })
  transaction.plan({ op: 'make-directory', path: metadata, mode: 0o700 })
  transaction.plan({
    op: 'rename',
    from: transaction.stageFile(parent, 0o600),
    to: path.join(metadata, 'parent'),
  })
}
