// Layers into a store, within a transaction: which of an image's layers are new, each applied beside the others, and
// the plan that gives them their names. Knows nothing of archives: a layer comes as a range of bytes in a file.

import fs from 'node:fs'
import path from 'node:path'
import os from 'node:os'
import { childChainID } from '../digest/chain-id.ts'
import { shortID, type CacheID, type ChainID, type DiffID, type Digest } from '../digest/digest.ts'
import { LimitError } from '../errors.ts'
import { DEFAULT_LOAD_LIMITS, type LoadLimits } from '../archive/limits.ts'
import type { ByteRange, LayerJob, LayerResult } from '../archive/layer-job.ts'
import type { LayerPool } from '../archive/pool.ts'
import type { Store } from '../store/store.ts'
import type { Transaction } from '../store/transaction.ts'
import type { TransferOptions } from './progress.ts'

/** Threads that unpack at once: more gain little, and each holds some twenty megabytes. */
const WORKERS_MAX = 4

/** A layer as its source has it. */
export interface LayerSource {
  /** For messages: the member or blob it is. */
  readonly label: string
  /** For messages. Default load. */
  readonly action?: LayerJob['action']
  readonly blob: ByteRange
  readonly digest?: Digest
  readonly diffID?: DiffID
}

interface Planned {
  readonly source: LayerSource
  readonly parent: { readonly cacheID: CacheID; readonly chainID: ChainID } | undefined
  readonly cacheID: CacheID
  readonly facts: string
}

/** One transaction's new layers. Add whole images, then `apply` once, then `plan`. */
export class LayerRegistration {
  private readonly store: Store
  private readonly transaction: Transaction
  private readonly options: TransferOptions
  private readonly limits: LoadLimits
  private readonly totalBytes = new SharedArrayBuffer(8)
  private readonly planned = new Map<ChainID, Planned>()
  private readonly results = new Map<Planned, LayerResult>()
  private readonly reused = new Map<ChainID, CacheID>()

  /** @param limits settled ones; of these, the bounds of layers are held here */
  constructor(
    store: Store,
    transaction: Transaction,
    options: TransferOptions,
    limits: LoadLimits = DEFAULT_LOAD_LIMITS,
  ) {
    this.limits = limits
    this.store = store
    this.transaction = transaction
    this.options = options
  }

  /**
   * Takes a stack, base first, whose diffIDs are known; layers that the store has (or that were added before) are not
   * read again.
   * @returns how many are new and how many are reused
   */
  async add(
    sources: readonly (LayerSource & { readonly diffID: DiffID })[],
  ): Promise<{ newLayers: number; reusedLayers: number }> {
    const { layersMax, archiveLayersMax } = this.limits
    if (sources.length > layersMax) {
      throw new LimitError(
        'ERR_DEPTH_MAX',
        `cannot load an image of ${sources.length} layers: the limit is ${layersMax} (max depth exceeded)`,
        {
          details: { name: 'layers', limit: layersMax, actual: sources.length },
        },
      )
    }
    let parent: Planned['parent']
    let newLayers = 0
    for (const source of sources) {
      const chainID: ChainID = childChainID(parent?.chainID, source.diffID)
      const known = this.store.layers.get(chainID) ?? this.planned.get(chainID)
      if (known) {
        parent = { cacheID: known.cacheID, chainID }
        if (!this.planned.has(chainID)) this.reused.set(chainID, known.cacheID)
        this.report(source, 'exists', source.blob.sizeBytes)
        continue
      }
      if (this.planned.size >= archiveLayersMax) {
        throw new LimitError(
          'ERR_DEPTH_MAX',
          `cannot load more than ${archiveLayersMax} new layers at once`,
          { details: { name: 'archive-layers', limit: archiveLayersMax } },
        )
      }
      const { cacheID, facts } = await this.transaction.newLayer(parent?.cacheID)
      this.planned.set(chainID, { source, parent, cacheID, facts })
      parent = { cacheID, chainID }
      newLayers++
      this.report(source, 'waiting', 0)
    }
    return { newLayers, reusedLayers: sources.length - newLayers }
  }

  /**
   * Applies one base layer whose diffID nobody has said.
   * @returns its diffID; if the store has the layer already, what was just made is dropped again
   */
  async addUnnamedBase(source: LayerSource): Promise<DiffID> {
    const { cacheID, facts } = await this.transaction.newLayer(undefined)
    const layer: Planned = { source, parent: undefined, cacheID, facts }
    const pool = await openPool(1)
    try {
      await this.run(pool, layer)
    } finally {
      await pool.close()
    }
    await this.finish(layer)
    const { diffID } = this.results.get(layer)!
    this.planned.set(childChainID(undefined, diffID), layer)
    return diffID
  }

  /**
   * Whether the store still is what the layers were made for: those that were reused are there, and nobody has brought
   * one of the new ones meanwhile. Only the holder of the store's lock gets an answer that lasts.
   */
  holds(): boolean {
    const { layers } = this.store
    for (const [chainID, cacheID] of this.reused)
      if (layers.get(chainID)?.cacheID !== cacheID) return false
    for (const chainID of this.planned.keys()) if (layers.get(chainID)) return false
    return true
  }

  /** Drops everything that was made, as if nothing had been added: a layer's directory names its parent's. */
  async startOver(): Promise<void> {
    for (const { cacheID, facts } of this.planned.values())
      await this.transaction.dropLayer(cacheID, facts)
    this.planned.clear()
    this.results.clear()
    this.reused.clear()
    new BigInt64Array(this.totalBytes)[0] = 0n
  }

  /** Applies every added layer: side by side and the longest first where the driver lets them, else parents first. */
  async apply(): Promise<void> {
    const todo = [...this.planned.values()]
    if (todo.length === 0) return
    const { driver } = this.store
    const pool = await openPool(
      driver.independent ? Math.min(os.availableParallelism(), todo.length, WORKERS_MAX) : 1,
    )
    try {
      if (driver.independent) {
        const longestFirst = [...todo].sort(
          (a, b) => b.source.blob.sizeBytes - a.source.blob.sizeBytes,
        )
        await allOrFirstError(longestFirst.map((layer) => this.run(pool, layer)))
        for (const layer of todo) await this.finish(layer)
      } else {
        for (const layer of todo) {
          await this.run(pool, layer)
          await this.finish(layer)
        }
      }
    } finally {
      await pool.close()
    }
  }

  private async run(pool: LayerPool, layer: Planned): Promise<void> {
    const { source } = layer
    this.options.signal?.throwIfAborted()
    const job: LayerJob = {
      label: source.label,
      ...(source.action === undefined ? {} : { action: source.action }),
      blob: source.blob,
      ...(source.digest === undefined ? {} : { blobDigest: source.digest }),
      ...(source.diffID === undefined ? {} : { diffID: source.diffID }),
      directory: await this.store.driver.begin(layer.cacheID),
      splitPath: path.join(layer.facts, 'tar-split.json.gz'),
      form: this.store.form,
      limits: this.limits,
      totalBytes: this.totalBytes,
    }
    const result = await pool.run(job, {
      ...(this.options.signal ? { signal: this.options.signal } : {}),
      onProgress: (doneBytes) => this.report(source, 'loading', doneBytes),
    })
    this.results.set(layer, result)
    for (const warning of result.warnings)
      this.store.onWarning({ ...warning, message: `${source.label}: ${warning.message}` })
    this.report(source, 'done', source.blob.sizeBytes)
  }

  /** What only the parents can answer, and the layerdb files, of which none may end in a newline. */
  private async finish(layer: Planned): Promise<void> {
    const result = this.results.get(layer)!
    await this.store.driver.finish(layer.cacheID, {
      ...(layer.parent === undefined ? {} : { parent: layer.parent.cacheID }),
      rootOpaque: result.rootOpaque,
      whiteoutDirectories: result.whiteoutDirectories,
    })
    const write = (name: string, text: string): void => {
      const file = path.join(layer.facts, name)
      fs.writeFileSync(file, text, { mode: 0o644 })
      fs.chmodSync(file, 0o644)
    }
    write('diff', result.diffID)
    write('size', String(this.store.driver.layerSize(result)))
    write('cache-id', layer.cacheID)
    if (layer.parent) write('parent', layer.parent.chainID)
  }

  /** Puts the steps into the transaction that make the layers known, parents first. */
  plan(): void {
    const { layout, driver } = this.store
    for (const [chainID, layer] of this.planned) {
      this.transaction.plan({ op: 'rename', from: layer.facts, to: layout.layer(chainID) })
      const mark = layer.parent && driver.childMark(layer.parent.cacheID)
      if (mark !== undefined) this.transaction.plan({ op: 'touch', path: mark, mode: 0o600 })
      const result = this.results.get(layer)!
      if (result.compression !== 'none') this.planDistribution(result)
    }
  }

  /** docker writes this at pull: it lets push and pull recognise a blob without inflating it. Only a compressed blob's digest says more than the diffID. */
  private planDistribution(result: LayerResult): void {
    const { layout } = this.store
    const to = layout.diffIDByDigest(result.blobDigest)
    for (const dir of [path.dirname(path.dirname(to)), path.dirname(to)])
      this.transaction.plan({ op: 'make-directory', path: dir, mode: 0o755 })
    this.transaction.plan({
      op: 'rename',
      from: this.transaction.stageFile(result.diffID, 0o644),
      to,
    })
  }

  private report(
    source: LayerSource,
    state: 'waiting' | 'loading' | 'exists' | 'done',
    doneBytes: number,
  ): void {
    if (source.diffID === undefined) return
    this.options.onProgress?.({
      kind: 'layer',
      id: shortID(source.diffID),
      state,
      doneBytes,
      totalBytes: source.blob.sizeBytes,
    })
  }
}

/** Rejects with the first failure, but only when every job has ended: a rollback must not race with a worker that still writes. */
async function allOrFirstError(jobs: readonly Promise<void>[]): Promise<void> {
  let failed = false
  let first: unknown
  await Promise.all(
    jobs.map((job) =>
      job.catch((error: unknown) => {
        if (!failed) first = error
        failed = true
      }),
    ),
  )
  if (failed) throw first
}

/** Loaded where there is a layer to apply: an image that is here already needs nothing of all that. */
async function openPool(workers: number): Promise<LayerPool> {
  const { LayerPool } = await import('../archive/pool.ts')
  return new LayerPool({ workers })
}
