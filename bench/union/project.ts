// A real project for a real build: shale's own sources and the packages whose types they read, to be put into a layer,
// and its compiler, which runs from outside of it. Knows where this checkout lies.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url))
const COMPILER = path.join(CHECKOUT, 'node_modules/typescript/bin/tsc')

/** Where a layer has the project. */
export const PROJECT = 'srv/project'

/** @param isWhole all of the program; else one folder, which shows that it works */
export function putProject(layer: string, isWhole: boolean): void {
  const project = path.join(layer, PROJECT)
  for (const each of ['package.json', 'src', 'cli', ...typedPackages()])
    fs.cpSync(path.join(CHECKOUT, each), path.join(project, each), {
      recursive: true,
      // Addons of other platforms, and compilers.
      filter: (file) => !file.endsWith('.node'),
    })
  const config = JSON.parse(fs.readFileSync(path.join(CHECKOUT, 'tsconfig.json'), 'utf8')) as object
  const include = isWhole ? ['src', 'cli'] : ['src/digest']
  fs.writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify({ ...config, include }))
}

/** What the program is made with when it runs, and type declarations. */
function typedPackages(): string[] {
  const lock = JSON.parse(fs.readFileSync(path.join(CHECKOUT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>
  }
  return Object.entries(lock.packages)
    .filter(
      ([at, { dev }]) => at !== '' && (dev !== true || /\/(?:@types\/.+|undici-types)$/.test(at)),
    )
    .map(([at]) => at)
    .filter((at) => fs.existsSync(path.join(CHECKOUT, at)))
}

/** Reads all of it, and writes four files for each source. */
export function buildProject(merged: string): void {
  const built = spawnSync(process.execPath, [COMPILER], { cwd: path.join(merged, PROJECT) })
  if (built.status !== 0)
    throw new Error(`tsc ended with ${built.status}: ${built.stdout.toString().slice(0, 2000)}`)
}

export function unbuildProject(merged: string): void {
  fs.rmSync(path.join(merged, PROJECT, 'dist'), { recursive: true })
}
