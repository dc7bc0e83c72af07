// An open store: the four databases (layers, images, names, containers' claims) over one driver, and the door to write.
// Readers need no lock: whatever they see was put in place by rename. Never parses a tar, never touches an archive.

import fs from 'node:fs'
import path from 'node:path'
import type { ChainID, DiffID, ImageID } from '../digest/digest.ts'
import type { Driver, DriverName, LayerForm } from '../driver/driver.ts'
import { makeDirectory } from '../driver/make-directory.ts'
import { selectDriver } from '../driver/select.ts'
import { IntegrityError, InvalidArgumentError, NotFoundError, type OnWarning } from '../errors.ts'
import { fromNodeError } from '../sys/errno.ts'
import { ContainerDB } from './container-db.ts'
import { Containers } from './containers.ts'
import { chainOf, ImageDB, type ImageFacts } from './image-db.ts'
import { LayerDB, type Layer } from './layer-db.ts'
import { foreignRoot } from './foreign-root.ts'
import { Layout } from './layout.ts'
import { MountDB } from './mount-db.ts'
import { resolveName, type ResolvedName } from './name-resolution.ts'
import { References, type StoredName } from './references.ts'
import { hasPendingJournal, leftovers, recover, Transaction } from './transaction.ts'
import { lockForWriting, refuseRunningDockerd } from './write-lock.ts'

export interface OpenOptions {
  /** Default: the driver that the root has data of, else overlay2. */
  readonly driver?: DriverName
  /** Flush to disk before anything becomes visible. Default true. */
  readonly sync?: boolean
  /** How long to wait for another writer. Default 10,000. */
  readonly lockTimeoutMs?: number
  readonly onWarning?: OnWarning
  /** Refuse a root that is not there, which is else an empty store: for one that somebody typed, to read from. */
  readonly mustExist?: boolean
}

/** An image with all that the store knows of it. */
export interface Image extends ImageFacts {
  /** Tags and digest references, familiar form, sorted. */
  readonly names: readonly StoredName[]
  /** Base first; empty for an image without layers. */
  readonly layers: readonly Layer[]
  /** Sum of what the layers record. */
  readonly sizeBytes: number
}

/** The four databases of a root and its driver; `openStore` of the library gives one with methods for the rest. */
export class Store implements AsyncDisposable {
  readonly layout: Layout
  readonly driver: Driver
  readonly layers: LayerDB
  readonly imageDB: ImageDB
  readonly containers: Containers
  readonly mountDB: MountDB
  readonly containerDB: ContainerDB
  readonly onWarning: OnWarning
  private readonly sync: boolean
  private readonly lockTimeoutMs: number

  protected constructor(layout: Layout, driver: Driver, options: OpenOptions) {
    this.layout = layout
    this.driver = driver
    this.layers = new LayerDB(layout)
    this.imageDB = new ImageDB(layout)
    this.containers = new Containers(layout)
    this.mountDB = new MountDB(layout)
    this.containerDB = new ContainerDB(layout, driver.name, this.mountDB)
    this.sync = options.sync ?? true
    this.lockTimeoutMs = options.lockTimeoutMs ?? 10_000
    this.onWarning = options.onWarning ?? ((): void => {})
  }

  /**
   * Opens the store at `root`; a root that does not exist yet is an empty store, made by the first write.
   * A transaction that was decided but not completed by a killed process is completed first, if nobody else is at it.
   * @throws InvalidArgumentError ERR_OPTION for a root that is no directory, or another program's store; NotFoundError
   *   ERR_ROOT_NOT_FOUND; HostError
   */
  static async open(root: string, options: OpenOptions = {}): Promise<Store> {
    refuseFile(root, options.mustExist)
    const driver = selectDriver(path.resolve(root), options.driver)
    // `this`: what extends the store opens as itself.
    const layout = new Layout(root, driver.name)
    if (!fs.existsSync(layout.image)) refuseForeign(root)
    const store = new this(layout, driver, options)
    if (hasPendingJournal(store.layout)) await store.completePending()
    return store
  }

  private async completePending(): Promise<void> {
    try {
      fs.accessSync(this.layout.layerTemp, fs.constants.W_OK)
    } catch {
      return // a reader that may not write sees what is there
    }
    const lock = await lockForWriting(this.layout, { timeoutMs: this.lockTimeoutMs })
    try {
      refuseRunningDockerd(this.layout)
      await recover(this.layout, this.driver)
    } finally {
      lock.release()
    }
  }

  get root(): string {
    return this.layout.root
  }

  get form(): LayerForm {
    return this.driver.form
  }

  references(): References {
    return References.read(this.layout)
  }

  resolve(name: string): ResolvedName {
    return resolveName(name, this.imageDB.ids(), this.references())
  }

  /** @throws NotFoundError ERR_IMAGE_NOT_FOUND, InvalidArgumentError ERR_AMBIGUOUS_ID */
  image(name: string): Image {
    const { id } = this.resolve(name)
    return this.imageOf(id)
  }

  imageOf(id: ImageID): Image {
    const facts = this.imageDB.get(id)
    if (!facts) {
      throw new IntegrityError(
        'ERR_STORE_CORRUPT',
        `cannot read image ${id}: ${this.layout.imageContent(id)} does not hold an image config with that digest`,
        {
          details: { imageID: id },
        },
      )
    }
    const top = topChainID(facts)
    if (top !== undefined && !this.layers.get(top)) {
      throw new IntegrityError(
        'ERR_STORE_CORRUPT',
        `cannot read image ${id}: its layer ${top} is missing from ${this.layout.layers}, or its files there cannot be read; load the image again`,
        { details: { imageID: id, chainID: top } },
      )
    }
    const layers = top === undefined ? [] : this.layers.chain(top)
    return assemble(facts, this.references().namesOf(id), layers)
  }

  /** Every readable image whose layers are here, in the order of nothing; those that dockerd would skip are skipped. */
  images(): Image[] {
    const names = this.references().byImage()
    const images: Image[] = []
    // Images often share all of their layers: each stack is looked up once.
    const stacks = new Map<string, readonly Layer[] | undefined>()
    for (const id of this.imageDB.ids()) {
      const facts = this.imageDB.get(id)
      if (!facts) continue
      const { diffIDs } = facts.config.rootfs
      const key = diffIDs.join()
      if (!stacks.has(key)) stacks.set(key, this.stackOf(diffIDs))
      const layers = stacks.get(key)
      if (layers) images.push(assemble(facts, names.get(id) ?? [], layers))
    }
    return images
  }

  /** @returns undefined where a layer is not here */
  private stackOf(diffIDs: readonly DiffID[]): readonly Layer[] | undefined {
    const chain = chainOf(diffIDs)
    if (chain.some((chainID) => !this.layers.get(chainID))) return undefined
    const top = chain.at(-1)
    return top === undefined ? [] : this.layers.chain(top)
  }

  /**
   * Whether a write that would change nothing may be left out: whoever asks may write here, and nobody is at work or has
   * left anything to be swept.
   * @throws LockedError ERR_DOCKERD_RUNNING
   */
  isSettled(): boolean {
    try {
      fs.accessSync(this.layout.layerTemp, fs.constants.W_OK)
    } catch {
      return false
    }
    refuseRunningDockerd(this.layout)
    return leftovers(this.layout).length === 0
  }

  /**
   * Runs `change` as the only writer. What it planned becomes visible at once when it returns; if it throws, nothing of
   * it remains. What killed writers left is swept first.
   */
  write<T>(
    change: (transaction: Transaction) => Promise<T>,
    options: WriteOptions = {},
  ): Promise<T> {
    return this.locked(options, this.lockTimeoutMs, async () => {
      const begun = await this.begin(options)
      return this.settle(begun, () => change(begun.transaction), options)
    })
  }

  /**
   * As `write`, but `work`, which makes things aside and names none, runs beside other writers; only `plan` runs as the
   * only one. Between the two the store may have changed: `plan` has to look again at what `work` took from it.
   */
  async writeAside<W, T>(
    work: (transaction: Transaction) => Promise<W>,
    plan: (transaction: Transaction, made: W) => Promise<T>,
    options: WriteOptions = {},
  ): Promise<T> {
    const begun = await this.locked(options, this.lockTimeoutMs, () => this.begin(options))
    const { transaction } = begun
    let made: W
    try {
      made = await work(transaction)
      options.signal?.throwIfAborted()
    } catch (error) {
      await this.giveUp(begun)
      throw error
    }
    try {
      // Whoever has it has it for moments, and the work is done.
      return await this.locked(options, Infinity, async () => {
        await recover(this.layout, this.driver)
        return this.settle(begun, () => plan(transaction, made), options)
      })
    } catch (error) {
      // Interrupted before it had the lock, or a dockerd was started meanwhile.
      if (!begun.isSettled) await this.giveUp(begun)
      throw error
    }
  }

  /** Undone, or where that may not be now, left to the next writer. */
  private async giveUp(begun: Begun): Promise<void> {
    try {
      await this.locked({}, this.lockTimeoutMs, () => this.undo(begun))
    } catch {
      begun.transaction.abandon()
    }
  }

  private async locked<T>(
    options: WriteOptions,
    timeoutMs: number,
    action: () => Promise<T>,
  ): Promise<T> {
    // Before the lock too: even the lock's own folder is nothing to make in a root that a dockerd has open.
    refuseRunningDockerd(this.layout)
    const lock = await lockForWriting(this.layout, {
      timeoutMs,
      ...(options.signal ? { signal: options.signal } : {}),
    })
    try {
      refuseRunningDockerd(this.layout)
      this.layers.refresh()
      return await action()
    } finally {
      this.layers.refresh()
      lock.release()
    }
  }

  private async begin(options: WriteOptions): Promise<Begun> {
    const made: string[] = []
    for (const { path: dir, mode } of [...this.layout.skeleton(), ...this.driver.skeleton()]) {
      if (makeDirectory(dir, mode)) made.push(dir)
    }
    this.driver.settleForm()
    await recover(this.layout, this.driver)
    this.layers.refresh()
    const sync = options.sync ?? this.sync
    const transaction = Transaction.begin(this.layout, this.driver, { sync })
    return { transaction, made, isSettled: false }
  }

  private async settle<T>(
    begun: Begun,
    change: () => Promise<T>,
    options: WriteOptions,
  ): Promise<T> {
    begun.isSettled = true
    let result: T
    try {
      result = await change()
      options.signal?.throwIfAborted()
    } catch (error) {
      await this.undo(begun)
      throw error
    }
    await begun.transaction.commit()
    return result
  }

  private async undo({ transaction, made }: Begun): Promise<void> {
    await transaction.rollback()
    // Meanwhile it may have become somebody else's store.
    if (this.imageDB.ids().length === 0) removeEmpty(made)
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

export interface WriteOptions {
  readonly signal?: AbortSignal
  readonly sync?: boolean
}

/** A transaction, and the folders of a new root that were made for it. */
interface Begun {
  readonly transaction: Transaction
  readonly made: readonly string[]
  isSettled: boolean
}

/** A root that was empty before a first write that failed is empty again. */
function removeEmpty(directories: readonly string[]): void {
  for (const dir of [...directories].reverse()) {
    try {
      fs.rmdirSync(dir)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'EBUSY' && code !== 'ENOENT')
        throw error
    }
  }
}

function assemble(
  facts: ImageFacts,
  names: readonly StoredName[],
  layers: readonly Layer[],
): Image {
  const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0)
  return { ...facts, names, layers, sizeBytes }
}

export function topChainID(facts: Pick<ImageFacts, 'config'>): ChainID | undefined {
  return chainOf(facts.config.rootfs.diffIDs).at(-1)
}

/** A file would look like a store that is empty, and so does a name that is mistyped. */
function refuseFile(root: string, mustExist = false): void {
  let status: fs.Stats
  try {
    // Not by throwIfNoEntry, which from Node 22 on is silent about ENOTDIR too.
    status = fs.statSync(root)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw fromNodeError(`open the store ${root}`, error)
    if (!mustExist) return
    // In full: it may be mistyped by where one stands.
    const place = path.resolve(root)
    throw new NotFoundError(
      'ERR_ROOT_NOT_FOUND',
      `cannot open the store ${place}: there is no such directory; check the name, or make a store there by load, import or volume create`,
      { details: { path: place } },
    )
  }
  if (status.isDirectory()) return
  throw new InvalidArgumentError(
    'ERR_OPTION',
    `cannot open the store ${root}: it is not a directory; name the directory of a store, or one to be made`,
    { details: { path: root } },
  )
}

function refuseForeign(root: string): void {
  const what = foreignRoot(root)
  if (what === undefined) return
  throw new InvalidArgumentError(
    'ERR_OPTION',
    `cannot open the store ${root}: ${what}, or name another root`,
    { details: { path: root } },
  )
}

/** @see Store.open */
export function openStore(root: string, options?: OpenOptions): Promise<Store> {
  return Store.open(root, options)
}
