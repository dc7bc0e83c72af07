// docker's overlay2 directories: one `diff` a layer, tied to its parents by `lower`, a list of short names in `l/`.
// The short names exist because mount options must fit one page: 28 bytes a layer instead of 100.
// Refuses to know what a layer's content means; whiteouts inside `diff` are the applier's work.

import fs from 'node:fs'
import path from 'node:path'
import { randomBytes } from 'node:crypto'
import type { CacheID } from '../digest/digest.ts'
import { IntegrityError, LimitError } from '../errors.ts'
import { makeDirectory } from './make-directory.ts'
import { removeDirectory } from './remove-directory.ts'
import { requireDirectory } from './require-directory.ts'
import type { Driver, FinishOptions, LayerForm, MountSpec } from './driver.ts'
import { hideLowerRoots, removeIdleWhiteouts } from './settle-whiteouts.ts'
import type { StoreForm } from './form.ts'

/** overlay2 itself refuses a longer `lower` file, whatever the layer store allows. */
const LOWERS_MAX = 128
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** 26 characters of RFC 4648 base32 from 17 random bytes, as docker makes them. */
function newLinkName(): string {
  let bits = 0n
  for (const byte of randomBytes(17)) bits = (bits << 8n) | BigInt(byte)
  let name = ''
  for (let i = 0; i < 26; i++) name += BASE32[Number((bits >> BigInt(17 * 8 - 5 * (i + 1))) & 31n)]!
  return name
}

export class Overlay2Driver implements Driver {
  readonly name = 'overlay2'
  readonly independent = true
  readonly home: string
  private readonly storeForm: StoreForm

  constructor(root: string, form: StoreForm) {
    this.home = path.join(root, 'overlay2')
    this.storeForm = form
  }

  get form(): LayerForm {
    return this.storeForm.value
  }

  settleForm(): void {
    this.storeForm.settle()
  }

  skeleton(): readonly { readonly path: string; readonly mode: number }[] {
    return [
      { path: this.home, mode: 0o710 },
      { path: path.join(this.home, 'l'), mode: 0o700 },
    ]
  }

  layerDirectory(id: CacheID): string {
    return path.join(this.home, id, 'diff')
  }

  async create(id: CacheID, parent?: CacheID): Promise<void> {
    const dir = path.join(this.home, id)
    const lower = parent === undefined ? undefined : this.lowerFor(parent)
    makeDirectory(dir, 0o710)
    makeDirectory(path.join(dir, 'diff'), 0o755)
    const link = newLinkName()
    // Its name is written down before it is there: whoever removes half a directory has to know of it.
    fs.writeFileSync(path.join(dir, 'link'), link, { mode: 0o644 })
    fs.symlinkSync(`../${id}/diff`, path.join(this.home, 'l', link))
    if (lower !== undefined) {
      makeDirectory(path.join(dir, 'work'), 0o700)
      fs.writeFileSync(path.join(dir, 'lower'), lower, { mode: 0o644 })
    }
  }

  createWritable(id: CacheID, parent?: CacheID): Promise<void> {
    return this.create(id, parent)
  }

  private lowerFor(parent: CacheID): string {
    const dir = path.join(this.home, parent)
    const link = this.read(dir, 'link')
    if (link === undefined) {
      throw new IntegrityError(
        'ERR_STORE_CORRUPT',
        `cannot build on layer directory ${dir}: its file "link" is missing`,
        { details: { path: dir } },
      )
    }
    const lowers = [`l/${link.trim()}`, ...this.lowers(parent)]
    const depth = lowers.length
    if (depth > LOWERS_MAX) {
      throw new LimitError(
        'ERR_DEPTH_MAX',
        `cannot stack a layer on ${depth} others: overlay2 takes at most ${LOWERS_MAX}`,
        { details: { limit: LOWERS_MAX, actual: depth } },
      )
    }
    return lowers.join(':')
  }

  async begin(id: CacheID): Promise<string> {
    return this.layerDirectory(id)
  }

  async finish(id: CacheID, options: FinishOptions): Promise<void> {
    const [own, ...lowers] = await this.stack(id)
    if (options.rootOpaque) hideLowerRoots(own!, lowers, this.form)
    else removeIdleWhiteouts(own!, lowers, { form: this.form, ...options })
  }

  /** The file whose existence tells dockerd that this layer has, or had, a child, and must be mounted read-only. */
  childMark(id: CacheID): string {
    return path.join(this.home, id, 'committed')
  }

  async remove(id: CacheID): Promise<void> {
    const dir = path.join(this.home, id)
    const link = this.read(dir, 'link')?.trim()
    if (link && /^[A-Z2-7]+$/.test(link))
      fs.rmSync(path.join(this.home, 'l', link), { force: true })
    await removeDirectory(dir)
  }

  async exists(id: CacheID): Promise<boolean> {
    return fs.existsSync(this.layerDirectory(id))
  }

  async list(): Promise<CacheID[]> {
    if (!fs.existsSync(this.home)) return []
    return fs.readdirSync(this.home).filter((name) => name !== 'l') as CacheID[]
  }

  /**
   * `l/XXXX` names of all layers below, nearest first.
   * @throws IntegrityError where there must be more: without them the layer would pass for a base layer, or the tree for
   * a smaller one, and whoever squashes or builds on it would keep that for good
   */
  private lowers(id: CacheID): string[] {
    const dir = path.join(this.home, id)
    const lower = this.lower(dir)
    const lowers = lower === '' ? [] : lower.split(':')
    // A base layer is never mounted with an upper directory, so neither we nor docker give it a work directory.
    const isCut =
      lowers.length === 0
        ? fs.existsSync(path.join(dir, 'work'))
        : this.lower(path.dirname(this.resolve(id, lowers[0]!))).length >
          lowers.slice(1).join(':').length
    if (!isCut) return lowers
    throw new IntegrityError(
      'ERR_STORE_CORRUPT',
      `cannot find the parents of layer directory ${dir}: its file "lower" ${lower === '' ? 'is missing or empty' : 'is cut short'}; remove what has it, and load or create that again`,
      { details: { path: path.join(dir, 'lower') } },
    )
  }

  private lower(dir: string): string {
    return this.read(dir, 'lower')?.trim() ?? ''
  }

  async stack(id: CacheID): Promise<string[]> {
    const directories = this.directories(id)
    for (const directory of directories) requireDirectory(directory)
    return directories
  }

  private directories(id: CacheID): string[] {
    const dirs = [this.layerDirectory(id)]
    for (const short of this.lowers(id)) dirs.push(this.resolve(id, short))
    return dirs
  }

  private resolve(id: CacheID, short: string): string {
    let target: string
    try {
      target = fs.readlinkSync(path.join(this.home, short))
    } catch (cause) {
      throw new IntegrityError(
        'ERR_STORE_CORRUPT',
        `cannot find the parents of layer directory ${path.join(this.home, id)}: its "lower" names ${short}, which is no link in ${this.home}`,
        {
          cause,
          details: { path: path.join(this.home, short) },
        },
      )
    }
    const resolved = path.resolve(this.home, 'l', target)
    if (!resolved.startsWith(`${this.home}/`)) {
      throw new IntegrityError(
        'ERR_STORE_CORRUPT',
        `cannot use ${path.join(this.home, short)}: it points outside of ${this.home}`,
        { details: { path: short, target } },
      )
    }
    return resolved
  }

  async mounts(id: CacheID): Promise<MountSpec> {
    const lowers = await this.stack(id)
    if (lowers.length === 1) return { kind: 'bind', source: lowers[0]! }
    return {
      kind: 'overlay',
      lowers,
      shortLowers: [`${id}/diff`, ...this.lowers(id)],
      home: this.home,
      userxattr: this.form !== 'trusted',
    }
  }

  async writableMounts(id: CacheID): Promise<MountSpec> {
    const [upper, ...lowers] = await this.stack(id)
    if (lowers.length === 0) return { kind: 'bind', source: upper!, writable: true }
    return {
      kind: 'overlay',
      lowers,
      shortLowers: this.lowers(id),
      home: this.home,
      upper: upper!,
      work: path.join(this.home, id, 'work'),
      userxattr: this.form !== 'trusted',
    }
  }

  /** Rows and order of docker's GetMetadata; LowerDir only where there are lowers. */
  async metadata(id: CacheID): Promise<Record<string, string>> {
    const [diff, ...lowers] = this.directories(id)
    const dir = path.join(this.home, id)
    return {
      ...(lowers.length > 0 ? { LowerDir: lowers.join(':') } : {}),
      MergedDir: path.join(dir, 'merged'),
      UpperDir: diff!,
      WorkDir: path.join(dir, 'work'),
    }
  }

  layerSize(applied: { treeBytes: number; headerBytes: number }): number {
    return applied.treeBytes
  }

  private read(dir: string, name: string): string | undefined {
    try {
      return fs.readFileSync(path.join(dir, name), 'latin1')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }
}

/** latin1, so that names which are no UTF-8 stay themselves. */
