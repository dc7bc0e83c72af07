// podman and skopeo on the shapes: both put images into a containers-storage, which here is one of its own with the
// overlay driver. What they made is looked at where the kernel mounts the storage's layer directories.

import fs from 'node:fs'
import path from 'node:path'
import type { MountSpec } from '../driver/driver.ts'
import { mountSpec, unmount } from '../sys/mount.ts'
import { findProgram, runProgram, type ProgramResult } from '../sys/run-program.ts'
import { refusal, unavailable } from './subject.ts'
import type { Outcome, ShapeFiles, SubjectGroup, SubjectOptions } from './subject.ts'
import { readTreeOf } from './tree.ts'
import { unmountBelow } from './unmount-below.ts'

type Tool = 'podman' | 'skopeo'
type Ask = (...args: string[]) => Promise<ProgramResult>

/** @throws UnsupportedError ERR_HOST_UNSUPPORTED */
export async function containersStorageSubject(
  tool: Tool,
  options: SubjectOptions,
): Promise<SubjectGroup> {
  const program = findProgram(tool, options.env)
  if (program === undefined || process.geteuid?.() !== 0) {
    throw unavailable(tool, `it needs root, and the program ${tool}`)
  }
  const root = path.join(options.work, `${tool}-root`)
  const runRoot = path.join(options.work, `${tool}-run`)
  const { signal, env } = options
  const ask: Ask = (...args) =>
    runProgram(program, args, { env, ...(signal === undefined ? {} : { signal }) })
  const load: (files: ShapeFiles) => Promise<ProgramResult> =
    tool === 'podman'
      ? ({ archive }) =>
          ask(
            `--root=${root}`,
            `--runroot=${runRoot}`,
            '--storage-driver=overlay',
            'load',
            '--quiet',
            `--input=${archive}`,
          )
      : ({ archive, image }) =>
          ask(
            '--insecure-policy',
            'copy',
            '--quiet',
            `docker-archive:${archive}`,
            `containers-storage:[overlay@${root}+${runRoot}]localhost/${image.name}`,
          )
  const version = / version (\S+)/.exec(String((await ask('--version')).stdout))?.[1]
  return {
    subjects: [
      {
        name: tool,
        ...(version === undefined ? {} : { version }),
        isShale: false,
        run: (files) => outcome(load, files, root, options.work),
      },
    ],
    unavailable: [],
    close: async () => {
      for (const place of [root, runRoot]) unmountBelow(place)
    },
  }
}

async function outcome(
  load: (files: ShapeFiles) => Promise<ProgramResult>,
  files: ShapeFiles,
  root: string,
  work: string,
): Promise<Outcome> {
  const before = new Set(topLayers(root))
  const loaded = await load(files)
  if (loaded.code !== 0) return refusal(loaded.stderr)
  const top = topLayers(root).find((layer) => !before.has(layer))
  if (top === undefined) return refusal(`no new image in ${root}`)
  const target = fs.mkdtempSync(path.join(work, 'mount-'))
  await mountSpec(specOf(path.join(root, 'overlay'), top), target)
  try {
    return { kind: 'tree', tree: readTreeOf(target) }
  } finally {
    unmount(target, { lazy: true })
  }
}

/** Of every image in the storage. */
function topLayers(root: string): string[] {
  const file = path.join(root, 'overlay-images', 'images.json')
  if (!fs.existsSync(file)) return []
  const images = JSON.parse(fs.readFileSync(file, 'utf8')) as readonly { readonly layer?: string }[]
  return images.flatMap((image) => image.layer ?? [])
}

/** The storage keeps docker's layout: `diff`, and the parents' short names in `lower`. */
function specOf(home: string, layer: string): MountSpec {
  const own = path.join(home, layer)
  const lowerFile = path.join(own, 'lower')
  const below = fs.existsSync(lowerFile) ? fs.readFileSync(lowerFile, 'utf8').trim().split(':') : []
  const short = [`${layer}/diff`, ...below]
  return {
    kind: 'overlay',
    lowers: short.map((name) => fs.realpathSync(path.join(home, name))),
    shortLowers: short,
    home,
    userxattr: false,
  }
}
