// The image that the demo makes where none is given: four layers of what is at hand, the last of which removes things.
// Says what must be seen through the merge of them, from the host's own files; writes nothing.

import fs from 'node:fs'
import path from 'node:path'
import {
  SHALE_HOME,
  dependencyIngredients,
  nodeIngredients,
  shaleIngredients,
  withDirectories,
  type Ingredient,
} from './inventory.ts'
import type { LayerPlan } from './pack-image.ts'
import type { Sighting } from './sightings.ts'

export interface BuiltInImage {
  readonly layers: readonly LayerPlan[]
  readonly command: readonly string[]
  readonly sightings: readonly Sighting[]
  /** What layer 4 took away, from which layer, by which means; a whiteout first. */
  readonly removed: readonly {
    readonly path: string
    readonly layer: number
    readonly how: string
  }[]
}

/** @param project the folder of shale's package.json */
export function builtInImage(project: string): BuiltInImage {
  const node = nodeIngredients(project)
  const dependencies = dependencyIngredients(project)
  const shale = shaleIngredients(project)

  const whiteout = nearest(dependencies, /^readme/i) ?? nearest(dependencies, /./)
  const opaque = `${SHALE_HOME}/dist/cli/demo`
  const hidden = shale.find(
    (item) => item.kind === 'file' && item.path.startsWith(`${opaque}/`),
  )?.path
  const notice = `${opaque}/REMOVED.txt`
  const replaced = `${SHALE_HOME}/package.json`
  const slim = slimManifest(path.join(project, 'package.json'))
  if (whiteout === undefined || hidden === undefined) {
    throw new Error(`nothing to remove below ${project}: the packages or dist/cli/demo are missing`)
  }

  const removals = new Map<string, Ingredient>()
  for (const item of [
    { path: whiteoutOf(whiteout.path), text: '' },
    { path: `${opaque}/.wh..wh..opq`, text: '' },
    { path: notice, text: 'The demo was here, until this layer hid the whole directory.\n' },
    { path: replaced, text: slim },
  ]) {
    removals.set(item.path, { kind: 'text', ...item })
  }
  const binary = fs.realpathSync(process.execPath).slice(1)
  const dependency = nearest(dependencies, /^package\.json$/)
  const main = `${SHALE_HOME}/dist/bin/main.js`
  return {
    layers: [
      { createdBy: 'node and the shared libraries that it needs', items: node },
      { createdBy: 'shale’s dependencies', items: dependencies },
      { createdBy: 'shale itself', items: shale },
      {
        createdBy: 'removals: a whiteout, an opaque directory, a replaced file',
        items: withDirectories(removals),
      },
    ],
    command: [process.execPath, `/${main}`, '--help'],
    sightings: [
      sighting(1, binary, `/${binary}`),
      ...(dependency ? [sighting(2, dependency.path, dependency.source)] : []),
      sighting(3, main, path.join(project, 'dist/bin/main.js')),
      {
        layer: 4,
        path: replaced,
        origin: 'the replacement, not of layer 3',
        expected: () => Buffer.from(slim),
      },
    ],
    removed: [
      { path: whiteout.path, layer: 2, how: 'a whiteout' },
      { path: hidden, layer: 3, how: `the opaque directory /${opaque}` },
    ],
  }
}

function sighting(layer: number, inImage: string, source: string): Sighting {
  return {
    layer,
    path: inImage,
    origin: `this machine’s ${source}`,
    expected: () => fs.readFileSync(source),
  }
}

/** The file of such a name with the fewest folders above it. */
function nearest(
  items: readonly Ingredient[],
  name: RegExp,
): Extract<Ingredient, { kind: 'file' }> | undefined {
  const depth = (item: Ingredient): number => item.path.split('/').length
  return items
    .filter((item) => item.kind === 'file')
    .filter((item) => name.test(path.basename(item.path)))
    .sort((a, b) => depth(a) - depth(b))[0]
}

function whiteoutOf(file: string): string {
  return path.join(path.dirname(file), `.wh.${path.basename(file)}`)
}

/** What an installed package needs no more. */
function slimManifest(file: string): string {
  const {
    scripts: _scripts,
    devDependencies: _devDependencies,
    ...kept
  } = JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown>
  return `${JSON.stringify(kept, null, 2)}\n`
}
