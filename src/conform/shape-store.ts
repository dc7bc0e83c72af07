// A store that the shapes are loaded into, each once, and all the ways in which one can look at what came of it.

import fs from 'node:fs'
import path from 'node:path'
import { commitContainer } from '../containers/commit-container.ts'
import { copyInto } from '../containers/copy.ts'
import { createContainer } from '../containers/create-container.ts'
import { exportTree } from '../containers/export-tree.ts'
import { squashImage } from '../containers/squash.ts'
import type { DriverName } from '../driver/driver.ts'
import { LayerStoreError } from '../errors.ts'
import { listImageFiles, openImageFile } from '../inspect/image-files.ts'
import { openImageStack } from '../inspect/image-stack.ts'
import { mountImage, unmountImage } from '../mounting/mount-image.ts'
import type { BytePath } from '../path/byte-path.ts'
import { openStore, type Store } from '../store/store.ts'
import { writeTar } from '../tar/writer.ts'
import { loadArchive } from '../transfer/load.ts'
import { saveArchive } from '../transfer/save.ts'
import { UnionFs } from '../unionfs/union-fs.ts'
import { DiskLayer } from '../view/upper/disk-layer.ts'
import type { TreeNode } from './shapes.ts'
import type { Outcome, ShapeFiles } from './subject.ts'
import { readTreeOf, readTreeOfTar } from './tree.ts'

/** No shape has such a name. */
const ADDED = 'added-by-commit'

export class ShapeStore {
  private readonly store: Store
  private readonly work: string
  /** The refusal of a shape that was not loaded, by name. */
  private readonly loaded = new Map<string, Outcome | undefined>()
  private again: ShapeStore | undefined

  private constructor(store: Store, work: string) {
    this.store = store
    this.work = work
  }

  static async open(work: string, driver: DriverName): Promise<ShapeStore> {
    fs.mkdirSync(work, { recursive: true })
    const store = await openStore(path.join(work, 'root'), { driver, sync: false })
    return new ShapeStore(store, work)
  }

  /** What `look` sees, or the refusal of a shape that was not loaded. */
  async run(files: ShapeFiles, look: () => Promise<Outcome>): Promise<Outcome> {
    const { name } = files.image
    if (!this.loaded.has(name)) this.loaded.set(name, await this.load(files.archive))
    return this.loaded.get(name) ?? look()
  }

  private async load(archive: string): Promise<Outcome | undefined> {
    try {
      await loadArchive(this.store, archive)
      return undefined
    } catch (error) {
      if (!(error instanceof LayerStoreError)) throw error
      return { kind: 'refused', message: error.message }
    }
  }

  async listed(name: string): Promise<Outcome> {
    const tree: Record<string, TreeNode> = {}
    for await (const file of listImageFiles(this.store, name, '/', { recursive: true })) {
      const { type } = file
      const node: TreeNode =
        type === 'directory'
          ? { type }
          : type === 'symlink'
            ? { type, target: file.linkTarget ?? '' }
            : type === 'file'
              ? { type, content: await this.content(name, file.path) }
              : { type: 'other' }
      tree[file.path.slice(1)] = node
    }
    return { kind: 'tree', tree }
  }

  private async content(name: string, file: string): Promise<string> {
    const pieces: Uint8Array[] = []
    const content = await openImageFile(this.store, name, file)
    for await (const piece of content) pieces.push(Buffer.from(piece))
    return Buffer.concat(pieces).toString('utf8')
  }

  async shown(name: string, view: 'kernel' | 'fuse' | 'merge'): Promise<Outcome> {
    const target = fs.mkdtempSync(path.join(this.work, 'shown-'))
    try {
      await mountImage(this.store, name, target, { view, onWarning: () => {} })
      try {
        return { kind: 'tree', tree: readTreeOf(target) }
      } finally {
        await unmountImage(this.store, target)
      }
    } finally {
      fs.rmdirSync(target)
    }
  }

  /** By a union in the process. */
  async read(name: string): Promise<Outcome> {
    using stack = await openImageStack(this.store, this.store.image(name))
    await using union = new UnionFs({ lowers: stack.layers.map((layer) => new DiskLayer(layer)) })
    const tree: Record<string, TreeNode> = {}
    const pending = ['']
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      for (const entry of await union.readdir(`/${at}`, { withFileTypes: true })) {
        const here = at === '' ? entry.name : `${at}/${entry.name}`
        if (entry.isDirectory()) pending.push(here)
        tree[here] = entry.isDirectory()
          ? { type: 'directory' }
          : entry.isSymbolicLink()
            ? { type: 'symlink', target: await union.readlink(`/${here}`) }
            : entry.isFile()
              ? { type: 'file', content: String(await union.readFile(`/${here}`)) }
              : { type: 'other' }
      }
    }
    return { kind: 'tree', tree }
  }

  async exported(name: string): Promise<Outcome> {
    return { kind: 'tree', tree: await readTreeOfTar(await bytesOf(exportTree(this.store, name))) }
  }

  /** The layers' bytes must be those that were loaded; then what another store makes of them. */
  async saved(files: ShapeFiles): Promise<Outcome> {
    const archive = await bytesOf(await saveArchive(this.store, [files.image.name]))
    if (files.image.layers.some((layer) => !archive.includes(layer))) {
      return { kind: 'refused', message: 'a layer does not come back with its own bytes' }
    }
    return this.inAnotherStore(archive, files.image.name)
  }

  /** A container that has one file more, as an image: its new layer was written as a tar, and unpacked from it. */
  async committed({ image }: ShapeFiles): Promise<Outcome> {
    const { id } = await createContainer(this.store, image.name)
    const body = Buffer.from('added')
    await copyInto(this.store, writeTar([{ path: ADDED as BytePath, body }]), `${id}:/`)
    const reference = `committed-${image.name}`
    await commitContainer(this.store, id, { reference })
    const outcome = await this.listed(reference)
    if (outcome.kind === 'refused') return outcome
    const { [ADDED]: added, ...tree } = outcome.tree
    if (added?.type === 'file' && added.content === 'added') return { kind: 'tree', tree }
    return { kind: 'refused', message: 'the committed layer is not there' }
  }

  /** Likewise. */
  async squashed({ image }: ShapeFiles): Promise<Outcome> {
    const reference = `squashed-${image.name}`
    await squashImage(this.store, image.name, { reference })
    return this.listed(reference)
  }

  private async inAnotherStore(archive: Uint8Array, name: string): Promise<Outcome> {
    this.again ??= await ShapeStore.open(path.join(this.work, 'again'), this.store.driver.name)
    const file = path.join(this.work, 'saved.tar')
    fs.writeFileSync(file, archive)
    return (await this.again.load(file)) ?? (await this.again.listed(name))
  }
}

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}
