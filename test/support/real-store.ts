// What the tests of other people's tools share: one store that holds the real image, what shale saves of it, and what
// comes out of a load of what a tool has saved.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import type { Test } from 'tap'
import { readDockerArchive, type ArchiveImage } from './archive-layers.ts'
import { shaleJson, shaleOk } from './cli.ts'
import { realImage, unless } from './host.ts'

export const NAME = 'real/app:1'

export function needs(...programs: string[]): string | false {
  return unless({ interop: true, root: true, programs, realImage: true })
}

export function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

export function layersOf(root: string, name: string): readonly string[] {
  type Inspected = { readonly RootFS: { readonly Layers: readonly string[] } }
  return shaleJson<Inspected[]>(['--root', root, 'inspect', name])[0]!.RootFS.Layers
}

/** Loaded once; `saved` reads it in each format. */
export class RealStore {
  readonly root: string
  readonly image: ArchiveImage

  constructor(directory: string) {
    this.root = path.join(directory, 'store')
    this.image = readDockerArchive(realImage.tar)[0]!
    shaleOk(['--root', this.root, 'load', '-i', realImage.tar])
  }

  saved(dir: string, format: string): string {
    const to = path.join(dir, format)
    shaleOk(['--root', this.root, 'save', '--format', format, '-o', to, NAME])
    return to
  }

  /** Loads into an empty root of its own and compares the layers with the real image's. */
  loads(t: Test, dir: string, input: string, message: string): void {
    const root = path.join(dir, `root-${message.replace(/\W/g, '-')}`)
    const said = shaleOk(['--root', root, 'load', '-i', input])
    const [, name] = /Loaded image(?: ID)?: (\S+)/.exec(said) ?? []
    t.ok(name, `${message}: ${said}`)
    t.same(layersOf(root, name!), this.image.diffIDs, message)
    // The layers' bytes once more, through tar-split.
    const again = path.join(dir, 'again.tar')
    shaleOk(['--root', root, 'save', '-o', again, name!])
    t.same(readDockerArchive(again)[0]!.layers, this.image.diffIDs, `${message}, and out again`)
    fs.rmSync(again)
    fs.rmSync(root, { recursive: true, force: true })
  }
}
