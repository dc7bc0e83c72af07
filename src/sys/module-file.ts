// Where a module of this folder lies that is started by itself, as a thread or a program. The command line ships as one
// bundle, which has none of them beside it; the package has the modules as well.

import fs from 'node:fs'
import { fileURLToPath } from 'node:url'

/** @param name compiled: `enter-root.js` @returns an absolute path */
export function moduleFile(name: string): string {
  const beside = fileURLToPath(new URL(name, import.meta.url))
  // dist/src/sys, else from dist/bin.
  return fs.existsSync(beside)
    ? beside
    : fileURLToPath(new URL(`../src/sys/${name}`, import.meta.url))
}
