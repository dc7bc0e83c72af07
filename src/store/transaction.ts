// How a store changes: everything is made aside, then one rename decides, then the plan is carried out.
//
// A transaction owns the folder layerdb/tmp/shale-<random>/ (dockerd never looks into layerdb/tmp):
//   owner          locked by the process that is at work, for as long as it lives
//   cache-ids      driver directories that it makes, one a line, written before each is made
//   <n>/           future layerdb folders
//   files/         future image configs, repositories.json, ...
//   spool/         scratch: a stream that had to be put on disk
//   journal.json   the plan; its appearance, by rename, is the moment of commit
// Cut short before the journal is there, everything is undone from `cache-ids`; afterwards every step is done again
// (each is idempotent). So whatever moment a process dies at, the next one finds the old store or makes the new one.
// Several may be at work side by side; one at a time, the holder of the store's lock, begins one or decides one.

import fs from 'node:fs'
import path from 'node:path'
import { randomBytes } from 'node:crypto'
import type { CacheID } from '../digest/digest.ts'
import { newCacheID } from '../driver/cache-id.ts'
import { makeDirectory } from '../driver/make-directory.ts'
import { removeDirectory } from '../driver/remove-directory.ts'
import type { Driver } from '../driver/driver.ts'
import { HostError, IntegrityError, UnsupportedError } from '../errors.ts'
import { writeFileAtomic } from '../sys/atomic-write.ts'
import { acquireLock, isLocked, type Lock } from '../sys/lock.ts'
import { syncDirectory, syncFilesystem } from '../sys/sync.ts'
import type { Layout } from './layout.ts'
import { namesIfPresent, readIfPresent } from './read-file.ts'

/** One idempotent step. Paths are relative to the root, so that a store can be moved between crash and recovery. */
export type Operation =
  | { readonly op: 'make-directory'; readonly path: string; readonly mode: number }
  /** Replaces whatever is at `to`, which the planner knows to be dead or out of date. */
  | { readonly op: 'rename'; readonly from: string; readonly to: string }
  | { readonly op: 'touch'; readonly path: string; readonly mode: number }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'remove-driver-directory'; readonly cacheID: CacheID }

const PREFIX = 'shale-'
const JOURNAL = 'journal.json'
const OWNER = 'owner'
const MADE = 'cache-ids'
const JOURNAL_VERSION = 1

export class Transaction {
  readonly directory: string
  private readonly layout: Layout
  private readonly driver: Driver
  private readonly sync: boolean
  private readonly operations: Operation[] = []
  private layerCount = 0
  private fileCount = 0
  private readonly owner: Lock | undefined

  private constructor(layout: Layout, driver: Driver, sync: boolean, directory: string) {
    this.layout = layout
    this.driver = driver
    this.sync = sync
    this.directory = directory
    this.owner = acquireLock(path.join(directory, OWNER))
  }

  /** The caller holds the store's lock: nobody else takes the new folder for a leftover before it is locked. */
  static begin(layout: Layout, driver: Driver, options: { sync: boolean }): Transaction {
    const directory = path.join(layout.layerTemp, `${PREFIX}${randomBytes(8).toString('hex')}`)
    makeDirectory(directory, 0o700)
    for (const name of ['files', 'spool']) makeDirectory(path.join(directory, name), 0o700)
    return new Transaction(layout, driver, options.sync, directory)
  }

  get spool(): string {
    return path.join(this.directory, 'spool')
  }

  /** A driver directory for a new layer and the folder that will become its layerdb entry. */
  async newLayer(parent: CacheID | undefined): Promise<{ cacheID: CacheID; facts: string }> {
    const cacheID = newCacheID()
    fs.appendFileSync(path.join(this.directory, MADE), `${cacheID}\n`)
    const facts = path.join(this.directory, String(this.layerCount++))
    makeDirectory(facts, 0o700)
    await this.driver.create(cacheID, parent)
    return { cacheID, facts }
  }

  /** Takes back what `newLayer` made: another writer was quicker. */
  async dropLayer(cacheID: CacheID, facts: string): Promise<void> {
    await this.driver.remove(cacheID)
    await removeDirectory(facts)
  }

  /** Driver directories of a writable layer: the init layer on `parent`, and the layer itself on that. */
  async newWritableLayer(
    parent: CacheID | undefined,
  ): Promise<{ mountID: CacheID; initID: CacheID; createMount: () => Promise<void> }> {
    const mountID = newCacheID()
    const initID = `${mountID}-init` as CacheID
    fs.appendFileSync(path.join(this.directory, MADE), `${mountID}\n${initID}\n`)
    await this.driver.createWritable(initID, parent)
    // Made only when the init layer is complete: vfs copies it.
    return { mountID, initID, createMount: () => this.driver.createWritable(mountID, initID) }
  }

  /** A folder aside, to be filled; `plan` a rename to give it its place. */
  stageDirectory(mode: number): string {
    const directory = path.join(this.directory, 'files', String(this.fileCount++))
    makeDirectory(directory, mode)
    return directory
  }

  /** Puts a file or folder of the store where it goes with the transaction's own folder: removal by one rename. */
  planRemoval(file: string): void {
    const aside = path.join(this.directory, 'files', String(this.fileCount++))
    this.plan({ op: 'rename', from: file, to: aside })
  }

  /** Puts bytes aside under no name that matters yet; `plan` a rename to give them one. */
  stageFile(bytes: Uint8Array | string, mode: number): string {
    const file = path.join(this.directory, 'files', String(this.fileCount++))
    fs.writeFileSync(file, bytes, { mode })
    fs.chmodSync(file, mode)
    return file
  }

  /** Adds a step; steps run in the order of planning. Absolute paths must lie below the root. */
  plan(operation: Operation): void {
    this.operations.push(relativeTo(this.layout.root, operation))
  }

  /**
   * After this returns, the store is the new one; if it throws before the journal is written, the old one. Where it
   * throws later, whoever writes next completes it.
   */
  async commit(): Promise<void> {
    try {
      if (this.operations.length > 0) {
        // One flush of everything that was made aside, so that no name ever points at data that a power cut can lose.
        if (this.sync) syncFilesystem(this.layout.root)
        const journal = JSON.stringify({ version: JOURNAL_VERSION, operations: this.operations })
        writeFileAtomic(path.join(this.directory, JOURNAL), Buffer.from(journal), 0o600, {
          sync: this.sync,
        })
        if (this.sync) syncDirectory(this.directory)
        await replay(this.layout, this.driver, this.operations, this.sync)
        forgetMade(this.directory, this.sync)
      }
      await removeDirectory(this.directory)
    } finally {
      this.abandon()
    }
  }

  async rollback(): Promise<void> {
    try {
      await rollBack(this.driver, this.directory)
    } finally {
      this.abandon()
    }
  }

  /** Lets go of what lies there still, as a process that dies would: the next writer completes it or rolls it back. */
  abandon(): void {
    this.owner?.release()
  }
}

/**
 * What dead processes left: decided transactions are completed, undecided ones undone, and those of the living left
 * alone. The caller holds the store's lock.
 */
export async function recover(layout: Layout, driver: Driver): Promise<void> {
  for (const name of leftovers(layout)) {
    const directory = path.join(layout.layerTemp, name)
    if (isAtWork(directory)) continue
    const journal = name.endsWith('-removing')
      ? undefined
      : readIfPresent(path.join(directory, JOURNAL))
    if (journal) {
      const operations = readJournal(journal, directory)
      await replay(layout, driver, operations, true)
      forgetMade(directory, true)
      await removeDirectory(directory)
    } else {
      await rollBack(driver, directory)
    }
  }
}

/**
 * Half understood, a plan would be carried out by half, and then forgotten.
 * @throws UnsupportedError ERR_FORMAT_NEWER; IntegrityError ERR_STORE_CORRUPT
 */
function readJournal(bytes: Buffer, directory: string): readonly Operation[] {
  const file = path.join(directory, JOURNAL)
  const details = { path: file }
  let journal: { version?: unknown; operations?: unknown } | null
  try {
    journal = JSON.parse(bytes.toString('utf8')) as typeof journal
  } catch (cause) {
    const message = `cannot complete the transaction in ${directory}: ${file} is no JSON; remove that folder to give up what it was to change`
    throw new IntegrityError('ERR_STORE_CORRUPT', message, { cause, details })
  }
  if (journal?.version === JOURNAL_VERSION && Array.isArray(journal.operations))
    return journal.operations as Operation[]
  const message = `cannot complete the transaction in ${directory}: ${file} has version ${JSON.stringify(journal?.version ?? null)}, and this shale knows ${JOURNAL_VERSION}; update shale`
  throw new UnsupportedError('ERR_FORMAT_NEWER', message, { details })
}

/** Whether the process that began the transaction in this folder is still alive. */
export function isAtWork(directory: string): boolean {
  return isLocked(path.join(directory, OWNER))
}

export function leftovers(layout: Layout): string[] {
  return namesIfPresent(layout.layerTemp).filter((name) => name.startsWith(PREFIX))
}

/** Whether a decided transaction waits to be completed: then even a reader would see neither the old nor the new store. */
export function hasPendingJournal(layout: Layout): boolean {
  return readableLeftovers(layout).some(
    (name) =>
      !name.endsWith('-removing') && fs.existsSync(path.join(layout.layerTemp, name, JOURNAL)),
  )
}

/** Who may not look cannot complete anything either; what else of the store is readable may still be read. */
function readableLeftovers(layout: Layout): string[] {
  try {
    return leftovers(layout)
  } catch (error) {
    if (error instanceof HostError && error.code === 'ERR_PERMISSION') return []
    throw error
  }
}

/**
 * The driver directories are the store's now. Before the journal goes: a folder that has lost its journal and still
 * names them would be taken for one to undo.
 */
function forgetMade(directory: string, sync: boolean): void {
  fs.rmSync(path.join(directory, MADE), { force: true })
  if (sync) syncDirectory(directory)
}

async function rollBack(driver: Driver, directory: string): Promise<void> {
  const made = readIfPresent(path.join(directory, MADE))?.toString('latin1') ?? ''
  // A line without its newline was never acted on: the directory is made after the write.
  for (const cacheID of made.split('\n').slice(0, -1)) await driver.remove(cacheID as CacheID)
  await removeDirectory(directory)
}

async function replay(
  layout: Layout,
  driver: Driver,
  operations: readonly Operation[],
  sync: boolean,
): Promise<void> {
  const touched = new Set<string>()
  const at = (relative: string): string => {
    const file = path.join(layout.root, relative)
    touched.add(path.dirname(file))
    return file
  }
  const removals: string[] = []
  for (const step of operations) {
    switch (step.op) {
      case 'make-directory':
        makeDirectory(at(step.path), step.mode)
        break
      case 'rename':
        rename(at(step.from), at(step.to))
        break
      case 'touch':
        fs.closeSync(fs.openSync(at(step.path), 'a', step.mode))
        break
      case 'remove':
        removals.push(at(step.path))
        break
      case 'remove-driver-directory':
        await driver.remove(step.cacheID)
        break
    }
  }
  for (const file of removals) await removeDirectory(file)
  if (sync) for (const dir of touched) if (fs.existsSync(dir)) syncDirectory(dir)
}

/** rename(2) cannot replace a directory that is not empty; a missing source means that this step was done before. */
function rename(from: string, to: string): void {
  if (!fs.existsSync(from)) return
  if (fs.statSync(from).isDirectory()) fs.rmSync(to, { recursive: true, force: true })
  fs.renameSync(from, to)
}

function relativeTo(root: string, operation: Operation): Operation {
  const relative = (file: string): string => path.relative(root, path.resolve(root, file))
  switch (operation.op) {
    case 'rename':
      return { ...operation, from: relative(operation.from), to: relative(operation.to) }
    case 'remove-driver-directory':
      return operation
    default:
      return { ...operation, path: relative(operation.path) }
  }
}
