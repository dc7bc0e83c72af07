// shale itself on the shapes: in each driver, by each of its views, and by each verb that makes something new of an
// image. Which of them this host allows is tried once, on a shape that loads.

import path from 'node:path'
import type { DriverName } from '../driver/driver.ts'
import { UnsupportedError } from '../errors.ts'
import { ShapeStore } from './shape-store.ts'
import type { Outcome, ShapeFiles, Subject, SubjectGroup, SubjectOptions } from './subject.ts'

const DRIVERS: readonly DriverName[] = ['overlay2', 'vfs']

type Look = (store: ShapeStore, files: ShapeFiles) => Promise<Outcome>

/** In the order of the table's columns. */
const LOOKS: Readonly<Record<string, Look>> = {
  ls: (store, { image }) => store.listed(image.name),
  mount: (store, { image }) => store.shown(image.name, 'kernel'),
  fuse: (store, { image }) => store.shown(image.name, 'fuse'),
  unionfs: (store, { image }) => store.read(image.name),
  merge: (store, { image }) => store.shown(image.name, 'merge'),
  export: (store, { image }) => store.exported(image.name),
  save: (store, files) => store.saved(files),
  commit: (store, files) => store.committed(files),
  squash: (store, files) => store.squashed(files),
}
/** These want something of the host. */
const MAY_BE_MISSING: ReadonlySet<string> = new Set(['mount', 'fuse'])

/** @param probe any shape that loads, to see which views there are */
export async function shaleSubjects(
  options: SubjectOptions,
  probe: ShapeFiles,
): Promise<SubjectGroup> {
  const subjects: Subject[] = []
  const unavailable: { name: string; reason: string }[] = []
  for (const driver of DRIVERS) {
    const store = await ShapeStore.open(path.join(options.work, driver), driver)
    for (const [view, look] of Object.entries(LOOKS)) {
      const name = `${driver} ${view}`
      const run = (files: ShapeFiles): Promise<Outcome> =>
        store.run(files, () => look(store, files))
      try {
        if (MAY_BE_MISSING.has(view)) await run(probe)
        subjects.push({ name, isShale: true, run, ...(view === 'fuse' ? { width: 4 } : {}) })
      } catch (error) {
        if (!(error instanceof UnsupportedError)) throw error
        unavailable.push({ name, reason: error.message })
      }
    }
  }
  return { subjects, unavailable, close: async () => {} }
}
