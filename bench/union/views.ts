// The same layers as one tree, by each way that this machine has: shale's FUSE view, fuse-overlayfs, the kernel's own.
// A mount is fresh for each measurement; mounting is not measured.

import fs from 'node:fs'
import path from 'node:path'
import { onEnd } from '../cleanup.ts'
import { removeTree, unmountBelow, type Place } from '../place.ts'
import { findProgram, isRoot, runProgram, runShale } from '../programs.ts'

export interface UnionView {
  readonly name: string
  readonly subject: boolean
  mount(layers: readonly string[], dir: string, options: UnionMountOptions): Promise<void>
}

export interface UnionMountOptions {
  /** Layers alone, and nothing above that could take changes. */
  readonly readOnly?: boolean
}

function optionText(
  layers: readonly string[],
  dir: string,
  { readOnly = false }: UnionMountOptions,
): string {
  const lowers = `lowerdir=${layers.join(':')}`
  return readOnly ? lowers : `${lowers},upperdir=${dir}/upper,workdir=${dir}/work`
}

const shale: UnionView = {
  name: 'shale overlay --view fuse',
  subject: true,
  mount: async (layers, dir, options) => {
    const words = optionText(layers, dir, options)
    const args = ['overlay', '--view', 'fuse', '-o', words, `${dir}/merged`]
    await runShale(['--root', `${dir}/root`, ...args])
  },
}

const fuseOverlayfs: UnionView = {
  name: 'fuse-overlayfs',
  subject: false,
  mount: async (layers, dir, options) => {
    await runProgram('fuse-overlayfs', ['-o', optionText(layers, dir, options), `${dir}/merged`])
  },
}

const kernel: UnionView = {
  name: 'kernel overlay',
  subject: false,
  mount: async (layers, dir, options) => {
    await runShale([
      '--root',
      `${dir}/root`,
      'overlay',
      '--view',
      'kernel',
      '-o',
      optionText(layers, dir, options),
      `${dir}/merged`,
    ])
  },
}

export function viewsHere(): UnionView[] {
  return [
    shale,
    ...(findProgram('fuse-overlayfs') === undefined ? [] : [fuseOverlayfs]),
    ...(isRoot ? [kernel] : []),
  ]
}

export interface MountedUnion {
  readonly merged: string
  dispose(): Promise<void>
}

export async function mountUnion(
  view: UnionView,
  layers: readonly string[],
  place: Place,
  options: UnionMountOptions,
): Promise<MountedUnion> {
  const dir = place.fresh('union')
  for (const name of ['upper', 'work', 'merged']) fs.mkdirSync(path.join(dir, name))
  const end = onEnd(dir, () => removeTree(dir))
  await view.mount(layers, dir, options)
  return {
    merged: path.join(dir, 'merged'),
    dispose: async () => {
      await unmountBelow(dir)
      await end()
    },
  }
}
