// docker's vfs: each layer a whole file system, parent included; no whiteouts, no links, no mounts. Dear in space, and it
// works on any file system.
//
// A layer is unpacked beside its place in overlay form, as for overlay2, and then merged with the parent's tree by the
// same union rules that every other view uses. So both drivers agree on what a layer means.

import fs from 'node:fs'
import path from 'node:path'
import type { CacheID } from '../digest/digest.ts'
import { materialise } from '../view/materialise.ts'
import { LayerStack } from '../view/stack.ts'
import type { Driver, FinishOptions, LayerForm, MountSpec } from './driver.ts'
import type { StoreForm } from './form.ts'
import { makeDirectory } from './make-directory.ts'
import { removeDirectory } from './remove-directory.ts'
import { requireDirectory } from './require-directory.ts'

/** Not a name that dockerd gives or reads: it knows its directories from layerdb. */
const SCRATCH = '-applying'

export class VfsDriver implements Driver {
  readonly name = 'vfs'
  /** A child starts as a copy of its parent. */
  readonly independent = false
  readonly home: string
  private readonly root: string
  private readonly storeForm: StoreForm

  constructor(root: string, form: StoreForm) {
    this.root = root
    this.home = path.join(root, 'vfs', 'dir')
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
      { path: path.join(this.root, 'vfs'), mode: 0o710 },
      { path: this.home, mode: 0o710 },
    ]
  }

  layerDirectory(id: CacheID): string {
    return path.join(this.home, id)
  }

  async create(id: CacheID): Promise<void> {
    makeDirectory(this.layerDirectory(id), 0o755)
  }

  async createWritable(id: CacheID, parent?: CacheID): Promise<void> {
    await this.create(id)
    if (parent === undefined) return
    using stack = new LayerStack(await this.stack(parent), { form: this.form })
    await materialise(stack, this.layerDirectory(id), { form: this.form })
  }

  async begin(id: CacheID): Promise<string> {
    const scratch = this.layerDirectory(id) + SCRATCH
    makeDirectory(scratch, 0o755)
    return scratch
  }

  async finish(id: CacheID, options: FinishOptions): Promise<void> {
    const scratch = this.layerDirectory(id) + SCRATCH
    const below =
      options.parent === undefined || options.rootOpaque ? [] : await this.stack(options.parent)
    const stack = new LayerStack([scratch, ...below], { form: this.form })
    try {
      await materialise(stack, this.layerDirectory(id), { form: this.form })
    } finally {
      stack.close()
    }
    await removeDirectory(scratch)
  }

  childMark(): undefined {
    return undefined
  }

  async remove(id: CacheID): Promise<void> {
    await removeDirectory(this.layerDirectory(id) + SCRATCH)
    await removeDirectory(this.layerDirectory(id))
  }

  async exists(id: CacheID): Promise<boolean> {
    return fs.existsSync(this.layerDirectory(id))
  }

  async list(): Promise<CacheID[]> {
    return fs.existsSync(this.home) ? (fs.readdirSync(this.home) as CacheID[]) : []
  }

  async stack(id: CacheID): Promise<string[]> {
    const directory = this.layerDirectory(id)
    requireDirectory(directory)
    return [directory]
  }

  async mounts(id: CacheID): Promise<MountSpec> {
    const [source] = await this.stack(id)
    return { kind: 'bind', source: source! }
  }

  async writableMounts(id: CacheID): Promise<MountSpec> {
    const [source] = await this.stack(id)
    return { kind: 'bind', source: source!, writable: true }
  }

  async metadata(id: CacheID): Promise<Record<string, string>> {
    return { SourceDir: this.layerDirectory(id) }
  }

  layerSize(applied: { treeBytes: number; headerBytes: number }): number {
    return applied.headerBytes
  }
}
