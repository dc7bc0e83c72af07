// Names spread over many layers, as lookups are measured on: in each layer some directories of its own among those that
// all have.

import fs from 'node:fs'
import path from 'node:path'

const FILES_PER_DIRECTORY = 50

export interface LayeredNames {
  /** Nearest first. */
  readonly roots: readonly string[]
  /** Relative; each is in one layer. */
  readonly names: readonly string[]
}

/** @param also another directory, which then has them all */
export function makeLayeredNames(
  options: { readonly smoke: boolean; readonly dir: string },
  also?: string,
): LayeredNames {
  const layers = options.smoke ? 3 : 25
  const files = options.smoke ? 60 : 400
  const roots: string[] = []
  const names: string[] = []
  for (let layer = 0; layer < layers; layer++) {
    const root = path.join(options.dir, `layer-${layer}`)
    roots.unshift(root)
    for (let i = 0; i < files; i++) {
      const name = `usr/share/d${Math.trunc(i / FILES_PER_DIRECTORY)}/l${layer}-f${i}`
      names.push(name)
      for (const place of also === undefined ? [root] : [root, also]) {
        if (i % FILES_PER_DIRECTORY === 0)
          fs.mkdirSync(path.join(place, path.dirname(name)), { recursive: true })
        fs.writeFileSync(path.join(place, name), '')
      }
    }
  }
  return { roots, names }
}
