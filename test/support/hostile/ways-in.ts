// The ways in beside archives: a tar or a directory of the host copied into a container, a directory imported, and what
// conform does with an image and with what another tool made of one.

import fs from 'node:fs'
import path from 'node:path'
import { ShapeStore } from '../../../src/conform/shape-store.ts'
import type { Outcome, ShapeFiles, Subject } from '../../../src/conform/subject.ts'
import { commandSubject } from '../../../src/conform/unpacker-subjects.ts'
import { LayerStoreError } from '../../../src/errors.ts'
import { settleForm, type Form } from './old-store.ts'
import type { Trial } from './trial.ts'

/** `cp - CONTAINER:/`. */
export async function copyTarIn(trial: Trial, tar: Uint8Array): Promise<void> {
  await intoContainer(trial, () => trial.run(['cp', '-', 'target:/'], tar))
}

/**
 * What an image's tree is on the host, where its links lead to the host's own places: copied into a container, imported,
 * and taken for what another tool unpacked. Nothing of it may be followed.
 */
export async function directoryIn(trial: Trial, image: string): Promise<void> {
  const tree = path.join(trial.ground.scratch, 'tree')
  fs.mkdirSync(tree)
  if ((await trial.must('mount', '--view', 'merge', image, tree)).code !== 0) return
  await intoContainer(trial, () => trial.run(['cp', `${tree}/.`, 'target:/']))
  const content = trial.ground.inside('content')
  await trial.confined(async () => {
    const imported = await trial.run(['import', tree, 'from-directory:1'])
    if (imported.code === 0) await trial.must('rmi', 'from-directory:1')
  })
  if (trial.ground.inside('content') !== content)
    trial.problem('after import of a directory and rmi the store is not as it was')
  const work = path.join(trial.ground.scratch, 'tool')
  fs.mkdirSync(work)
  const line = `cp -a '${tree}/.' {rootfs} # {archive}`
  const { subjects } = await commandSubject(line, { work, env: process.env })
  await conformed(trial, subjects, { archive: tree, image: { name: image, layers: [] } })
  await trial.must('umount', tree)
}

/** By the looks that conform takes of shale, in a store of its own. */
export async function conformLooks(
  trial: Trial,
  files: ImageFiles,
  form: Form | undefined,
): Promise<void> {
  const { driver, canMountKernel = false } = trial.options
  const work = fs.mkdtempSync(path.join(trial.ground.scratch, 'conform-'))
  if (form !== undefined) settleForm(path.join(work, 'root'), form)
  const store = await ShapeStore.open(work, driver)
  const { name } = files.image
  const given = files as ShapeFiles
  // By FUSE nothing is read that the others do not read, and it takes a process for each image.
  const looks: Readonly<Record<string, () => Promise<Outcome>>> = {
    ls: () => store.listed(name),
    ...(canMountKernel ? { mount: () => store.shown(name, 'kernel') } : {}),
    unionfs: () => store.read(name),
    merge: () => store.shown(name, 'merge'),
    export: () => store.exported(name),
    save: () => store.saved(given),
    commit: () => store.committed(given),
    squash: () => store.squashed(given),
  }
  const subjects = Object.entries(looks).map(([view, seen]): Subject => ({
    name: view,
    isShale: true,
    run: (shape) => store.run(shape, seen),
  }))
  await conformed(trial, subjects, files)
  trial.checkLeaks(work, 'the store of conform')
}

/** As much of a shape's files as subjects look at. */
export interface ImageFiles {
  readonly archive: string
  readonly image: { readonly name: string; readonly layers: readonly Buffer[] }
}

async function conformed(
  trial: Trial,
  subjects: readonly Subject[],
  files: ImageFiles,
): Promise<void> {
  await trial.confined(async () => {
    for (const subject of subjects) {
      try {
        const outcome = await subject.run(files as ShapeFiles)
        if (JSON.stringify(outcome).includes(trial.ground.secret))
          trial.problem(`conform, ${subject.name}: shows what a canary holds`)
      } catch (error) {
        // A name that is no text cannot be asked for as one: node:fs says ENOENT there as well.
        const isTold = error instanceof LayerStoreError || isSystemError(error)
        if (!isTold)
          trial.problem(`conform, ${subject.name}: a bug: ${String((error as Error).stack)}`)
      }
    }
  })
}

async function intoContainer(trial: Trial, copy: () => Promise<unknown>): Promise<void> {
  const content = trial.ground.inside('content')
  await trial.must('create', '--name', 'target', 'old:1', '/bin/true')
  await trial.confined(async () => {
    await copy()
    await trial.run(['diff', 'target'])
    await trial.run(['export', '-o', path.join(trial.ground.scratch, 'target.tar'), 'target'])
    for (const name of ['/etc/passwd', '/secret', '/d/secret'])
      await trial.run(['cp', '-L', `target:${name}`, '-'])
  })
  await trial.must('rm', '-f', '-v', 'target')
  if (trial.ground.inside('content') !== content)
    trial.problem('after cp and rm the store is not as it was')
}

function isSystemError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).errno === 'number'
}
