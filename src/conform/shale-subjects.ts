// shale itself on the shapes: in each driver, and in each view that this host allows. A shape is loaded once a store
// and looked at by `ls`, by the kernel's mount, by the merge written out, and by what comes back from `save`.

import fs from 'node:fs'
import path from 'node:path'
import type { DriverName } from '../driver/driver.ts'
import { LayerStoreError, UnsupportedError } from '../errors.ts'
import { listImageFiles, openImageFile } from '../inspect/image-files.ts'
import { mountImage, unmountImage } from '../mounting/mount-image.ts'
import { openStore, type Store } from '../store/store.ts'
import { loadArchive } from '../transfer/load.ts'
import { saveArchive } from '../transfer/save.ts'
import type { TreeNode } from './shapes.ts'
import type { Outcome, ShapeFiles, Subject, SubjectGroup, SubjectOptions } from './subject.ts'
import { readTreeOf } from './tree.ts'

const DRIVERS: readonly DriverName[] = ['overlay2', 'vfs']

/** @param probe any shape that loads, to see which views there are */
export async function shaleSubjects(
  options: SubjectOptions,
  probe: ShapeFiles,
): Promise<SubjectGroup> {
  const subjects: Subject[] = []
  const unavailable: { name: string; reason: string }[] = []
  for (const driver of DRIVERS) {
    const store = await ShapeStore.open(path.join(options.work, driver), driver)
    const add = (view: string, look: (name: string) => Promise<Outcome>): void => {
      subjects.push({
        name: `${driver} ${view}`,
        isShale: true,
        run: (files) => store.run(files, look),
      })
    }
    add('ls', (name) => store.listed(name))
    try {
      await store.run(probe, (name) => store.shown(name, 'kernel'))
      add('mount', (name) => store.shown(name, 'kernel'))
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error
      unavailable.push({ name: `${driver} mount`, reason: error.message })
    }
    add('merge', (name) => store.shown(name, 'merge'))
    subjects.push({
      name: `${driver} save`,
      isShale: true,
      run: (files) => store.run(files, (name) => store.saved(name, files)),
    })
  }
  return { subjects, unavailable, close: async () => {} }
}

class ShapeStore {
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

  async run(files: ShapeFiles, look: (name: string) => Promise<Outcome>): Promise<Outcome> {
    const { name } = files.image
    if (!this.loaded.has(name)) this.loaded.set(name, await this.load(files.archive))
    return this.loaded.get(name) ?? look(name)
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

  async shown(name: string, view: 'kernel' | 'merge'): Promise<Outcome> {
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

  /** The layers' bytes must be those that were loaded; then what another store makes of them. */
  async saved(name: string, files: ShapeFiles): Promise<Outcome> {
    const chunks: Uint8Array[] = []
    for await (const chunk of await saveArchive(this.store, [name])) chunks.push(Buffer.from(chunk))
    const archive = Buffer.concat(chunks)
    if (files.image.layers.some((layer) => !archive.includes(layer))) {
      return { kind: 'refused', message: 'a layer does not come back with its own bytes' }
    }
    this.again ??= await ShapeStore.open(path.join(this.work, 'again'), this.store.driver.name)
    const file = path.join(this.work, 'saved.tar')
    fs.writeFileSync(file, archive)
    const { again } = this
    return again.run({ ...files, archive: file }, () => again.listed(name))
  }
}
