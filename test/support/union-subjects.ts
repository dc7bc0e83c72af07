// The two kinds of file systems that test/support/union-operations.ts works on: a directory of the host, by node:fs and
// system calls, and layers generated for both.

import fs from 'node:fs'
import path from 'node:path'
import type { LayerForm } from '../../src/driver/driver.ts'
import { AT_FDCWD, mknodAt, renameAt } from '../../src/sys/file-calls.ts'
import { removeXattr, setXattr } from '../../src/sys/xattr.ts'
import { mergeLayers } from '../../src/union/merge.ts'
import { latin1, writeLayer } from './layer-directory.ts'
import type { MemoryLayer } from './memory-layer.ts'
import type { Subject } from './union-operations.ts'

const OLD_SECONDS = 1_000_000_000

export function hostSubject(root: string): Subject {
  return {
    fs,
    root,
    held: [],
    rename: (from, to, flags) => renameAt(AT_FDCWD, latin1(from), AT_FDCWD, latin1(to), flags),
    setXattr: (at, name, value) => setXattr(latin1(at), name, value),
    removeXattr: (at, name) => removeXattr(latin1(at), name),
    mkfifo: (at) => mknodAt(AT_FDCWD, latin1(at), 0o010000 | 0o644),
  }
}

/** The kernel lists a whiteout that hides nothing as a name that is not there; no union of layers needs one. */
export function dropIdleWhiteouts(layers: readonly MemoryLayer[]): void {
  for (const [index, layer] of layers.entries()) {
    const below = mergeLayers(layers.slice(index + 1))
    for (const [name, entry] of layer.entries) {
      if (entry.type === 'whiteout' && below.lookup(name) === undefined) {
        ;(layer.entries as Map<typeof name, typeof entry>).delete(name)
      }
    }
  }
}

/** On disk, nearest first, with times that no test of today can have. @returns their directories */
export function writeLowers(
  directories: readonly string[],
  layers: readonly MemoryLayer[],
  form: LayerForm,
): void {
  dropIdleWhiteouts(layers)
  for (const [index, layer] of layers.entries()) {
    writeLayer(directories[index]!, layer, form)
    age(directories[index]!)
  }
}

export function age(directory: string): void {
  for (const name of fs.readdirSync(directory)) {
    const at = path.join(directory, name)
    if (fs.lstatSync(at).isDirectory()) age(at)
    else fs.lutimesSync(at, OLD_SECONDS, OLD_SECONDS)
  }
  fs.utimesSync(directory, OLD_SECONDS, OLD_SECONDS)
}

/** What differs, line by line; empty where nothing does. */
export function differences(expected: Map<string, string>, actual: Map<string, string>): string[] {
  return [...new Set([...expected.keys(), ...actual.keys()])]
    .filter((key) => expected.get(key) !== actual.get(key))
    .map((key) => `${key}: expected ${expected.get(key) ?? '-'} | actual ${actual.get(key) ?? '-'}`)
}
