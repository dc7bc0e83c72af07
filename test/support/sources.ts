// The project's own source text, for the tests that hold the house rules.
// Knows how an import looks in this code base (one statement, single quotes); no parser, so it must stay that plain.

import fs from 'node:fs'
import path from 'node:path'
import { PROJECT } from './cli.ts'

export interface Source {
  /** From the top of the project: `src/tar/header.ts`. */
  readonly file: string
  readonly text: string
}

export interface Import {
  /** As written: `./header.ts`, `node:fs`, `koffi`. */
  readonly specifier: string
  /** From the top of the project for a relative one, else the specifier. */
  readonly target: string
  readonly typeOnly: boolean
}

/** All TypeScript files below the named folders, sorted by path. */
export function sourcesOf(...folders: readonly string[]): Source[] {
  const found: Source[] = []
  for (const folder of folders) {
    const names = fs.readdirSync(path.join(PROJECT, folder), { recursive: true }) as string[]
    for (const name of names) {
      const file = path.join(folder, name)
      if (file.endsWith('.ts'))
        found.push({ file, text: fs.readFileSync(path.join(PROJECT, file), 'utf8') })
    }
  }
  return found.sort((a, b) => (a.file < b.file ? -1 : 1))
}

/** Statements start a line in this code base, so those in comments and examples do not count. */
const STATEMENT = /^(?:import|export)\s+(type\s+)?(?:[\w*{][^'"`;]*?\s+from\s+)?'([^']+)'/gm
const DYNAMIC = /\b(?:import|require)\(\s*['"]([^'"]+)['"]/g
/** Worker entry points are named by URL. */
const BY_URL = /new URL\(\s*['"](\.[^'"]+)['"]\s*,\s*import\.meta\.url\s*\)/g

export function importsOf(source: Source): Import[] {
  const found: Import[] = []
  const add = (specifier: string, typeOnly: boolean): void => {
    const target = specifier.startsWith('.')
      ? path.join(path.dirname(source.file), specifier)
      : specifier
    found.push({ specifier, target, typeOnly })
  }
  for (const [, type, specifier] of source.text.matchAll(STATEMENT))
    add(specifier!, type !== undefined)
  for (const [, specifier] of source.text.matchAll(DYNAMIC)) add(specifier!, false)
  for (const [, specifier] of source.text.matchAll(BY_URL)) add(specifier!, false)
  return found
}
