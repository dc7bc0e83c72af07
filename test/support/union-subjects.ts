// The two kinds of file systems that test/support/union-operations.ts works on: a directory of the host, by node:fs and
// system calls, and layers generated for both.

import fs from 'node:fs'
import path from 'node:path'
import type { LayerForm } from '../../src/driver/driver.ts'
import { dirname, type BytePath } from '../../src/path/byte-path.ts'
import { errnoOf, must } from '../../src/sys/errno.ts'
import { AT_FDCWD, mknodAt, renameAt } from '../../src/sys/file-calls.ts'
import {
  getXattr,
  getXattrOf,
  listXattrs,
  listXattrsOf,
  removeXattr,
  removeXattrOf,
  setXattr,
  setXattrOf,
} from '../../src/sys/xattr.ts'
import * as attributes from '../../src/union/attributes.ts'
import { create } from '../../src/union/create.ts'
import type { UnionNode } from '../../src/union/entry.ts'
import { E } from '../../src/union/errno.ts'
import { mergeLayers } from '../../src/union/merge.ts'
import { openNameless } from '../../src/union/nameless.ts'
import { openFile } from '../../src/union/open-file.ts'
import type { UnionTree } from '../../src/union/tree.ts'
import { fsAdapter } from '../../src/unionfs/fs-adapter.ts'
import { nodeError } from '../../src/unionfs/node-error.ts'
import { pathArgument } from '../../src/unionfs/path-argument.ts'
import type { UnionFs } from '../../src/unionfs/union-fs.ts'
import { walk } from '../../src/unionfs/walk.ts'
import { latin1, writeLayer } from './layer-directory.ts'
import type { MemoryEntry, MemoryLayer } from './memory-layer.ts'
import type { HeldCalls, Subject } from './union-operations.ts'

const S_IFCHR = 0o020000
const OLD_SECONDS = 1_000_000_000
const LAYERS_MAX = 6

export function hostSubject(root: string): Subject {
  return {
    fs,
    root,
    held: [],
    rename: (from, to, flags) => renameAt(AT_FDCWD, latin1(from), AT_FDCWD, latin1(to), flags),
    setXattr: (at, name, value) => setXattr(latin1(at), name, value),
    removeXattr: (at, name) => removeXattr(latin1(at), name),
    mkfifo: (at) => mknodAt(AT_FDCWD, latin1(at), 0o010000 | 0o644),
    xattrs: (at) => shownXattrs(listXattrs(latin1(at)), (name) => getXattr(latin1(at), name)),
    ofHeld: {
      again(fd, write) {
        const again = fs.openSync(`/proc/self/fd/${fd}`, write ? 'r+' : 'r')
        try {
          return startOf((bytes) => fs.readSync(again, bytes, 0, bytes.length, 0))
        } finally {
          fs.closeSync(again)
        }
      },
      setXattr: (fd, name, value) => setXattrOf(fd, name, value),
      removeXattr: (fd, name) => removeXattrOf(fd, name),
      xattrs: (fd) => shownXattrs(listXattrsOf(fd), (name) => getXattrOf(fd, name)),
    },
  }
}

function shownXattrs(
  names: string[] | number,
  read: (name: string) => Uint8Array | number | undefined,
): string[] {
  if (typeof names === 'number') return []
  return names.filter(isPlain).map((name) => {
    const value = read(name)
    return `${name}=${value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value}`
  })
}

function startOf(read: (bytes: Buffer) => number): string {
  const bytes = Buffer.alloc(64)
  return bytes.toString('latin1', 0, read(bytes))
}

/** Not a union's own record. */
function isPlain(name: string): boolean {
  return name.startsWith('user.') && !/^user\.(overlay|containers)\./.test(name)
}

const ROOT = { uid: 0, gid: 0 }
/** node:fs has no call for it. */
const FIFO = { syscall: 'mkfifo' }

export function unionSubject(unionFs: UnionFs, root = ''): Subject {
  const { calls } = unionFs
  const { tree } = calls
  const numbered = (action: () => void): number => {
    try {
      action()
      return 0
    } catch (error) {
      return (error as NodeJS.ErrnoException).errno ?? -errnoOf(error)!
    }
  }
  const adapter = fsAdapter(unionFs)
  // What a descriptor is of: node:fs has no calls for all that the union can do with it.
  const nodes = new Map<number, UnionNode>()
  const openSync: Subject['fs']['openSync'] = (at, flags, mode) => {
    const fd = adapter.openSync(at, flags, mode)
    nodes.set(fd, calls.find(String(at), true)!.node)
    return fd
  }
  return {
    fs: { ...adapter, openSync },
    root,
    held: [],
    ofHeld: heldInUnion(tree, (fd) => nodes.get(fd)!),
    rename: (from, to, flags) =>
      numbered(() =>
        calls.rename(from, to, { noReplace: (flags & 1) !== 0, exchange: (flags & 2) !== 0 }),
      ),
    setXattr: (at, name, value) => numbered(() => calls.setXattr(at, name, value)),
    removeXattr: (at, name) => numbered(() => calls.removeXattr(at, name)),
    mkfifo: (at) =>
      numbered(() => {
        const walked = walk(tree, pathArgument(at), false)
        if (typeof walked === 'number') throw nodeError(walked, FIFO)
        if (walked.entry) throw nodeError(E.EXIST, FIFO)
        const { dir, name } = walked
        const made = create(tree, dir, name, { type: 'fifo', mode: 0o644 }, ROOT)
        if (typeof made === 'number') throw nodeError(made, FIFO)
      }),
    xattrs: (at) =>
      calls
        .listXattrs(at)
        .filter(isPlain)
        .map((name) => `${name}=${Buffer.from(calls.getXattr(at, name)).toString('latin1')}`),
  }
}

function heldInUnion(tree: UnionTree, nodeOf: (fd: number) => UnionNode): HeldCalls {
  return {
    again(fd, write) {
      const node = nodeOf(fd)
      const { entry } = node
      const file = entry ? openFile(tree, entry, { write }) : openNameless(tree, node, { write })
      if (typeof file === 'number') throw nodeError(file, { syscall: 'open' })
      try {
        return startOf((bytes) => file.read(bytes, 0))
      } finally {
        file.close()
      }
    },
    setXattr: (fd, name, value) => attributes.setXattr(tree, nodeOf(fd), name, value),
    removeXattr: (fd, name) => attributes.removeXattr(tree, nodeOf(fd), name),
    xattrs(fd) {
      const found = attributes.xattrs(tree, nodeOf(fd))
      return typeof found === 'number'
        ? []
        : shownXattrs([...found.keys()], (name) => found.get(name))
    },
  }
}

/** A mount of the kernel's overlay. */
export function kernelSubject(root: string): Subject {
  return { ...hostSubject(root), listsGhosts: true }
}

/** The kernel lists a whiteout that hides nothing as a name that is not there; no union of layers needs one. */
function idleWhiteouts(layers: readonly MemoryLayer[]): Set<BytePath>[] {
  return layers.map(({ entries }, index) => {
    const below = mergeLayers(layers.slice(index + 1))
    const idle = new Set<BytePath>()
    for (const [name, { type }] of entries) {
      if (type !== 'whiteout') continue
      let hidden = below.lookup(name) === undefined
      for (let at = dirname(name); at !== '' && !hidden; at = dirname(at)) {
        hidden = entries.get(at)?.opaque === true
      }
      if (hidden) idle.add(name)
    }
    return idle
  })
}

/** Modes, owners, attributes, times and hardlinks that a generated layer does not tell. */
export interface Traits {
  /** Which ones; 0: none. */
  readonly salt: number
  /** Of other users too, with setuid and setgid. */
  readonly owners: boolean
}

const NO_TRAITS: Traits = { salt: 0, owners: false }

/**
 * On disk, nearest first, with times that no test of today can have. Whiteouts are devices in any form: where they are
 * attributes, the kernel forgets them when it asks whether a directory is empty (ovl_check_empty_dir).
 */
export function writeLowers(
  directories: readonly string[],
  layers: readonly MemoryLayer[],
  form: LayerForm,
  traits: Traits = NO_TRAITS,
): void {
  const idle = idleWhiteouts(layers)
  for (const [index, { entries }] of layers.entries()) {
    const kept = new Map([...entries].filter(([name]) => !idle[index]!.has(name)))
    const directory = directories[index]!
    const there = new Map([...kept].filter(([, { type }]) => type !== 'whiteout'))
    writeLayer(directory, { entries: there }, form)
    for (const [name, { type }] of kept) {
      const at = latin1(path.join(directory, name))
      if (type === 'whiteout') must(mknodAt(AT_FDCWD, at, S_IFCHR), 'mknod', at)
    }
    age(directory)
    if (traits.salt !== 0) giveTraits(directory, kept, { ...traits, salt: traits.salt + index })
  }
}

const MODES = [0o644, 0o600, 0o4755, 0o2755, 0o1777, 0o755, 0o2644, 0o700]

function giveTraits(
  directory: string,
  entries: ReadonlyMap<BytePath, MemoryEntry>,
  { salt, owners }: Traits,
): void {
  let linked: string | undefined
  // A directory's time comes after its content's.
  for (const [name, { type }] of [...entries].reverse()) {
    if (type === 'whiteout') continue
    const at = path.join(directory, name)
    const bits = scatter(salt, name)
    if (type === 'file' && bits % 5 === 0) {
      if (linked === undefined) linked = at
      else {
        fs.unlinkSync(at)
        fs.linkSync(linked, at)
      }
    }
    if (owners && bits % 3 === 0) fs.lchownSync(at, (bits >> 4) % 3, (bits >> 6) % 4)
    if (type !== 'symlink') {
      if (bits % 4 === 0) {
        must(setXattr(latin1(at), `user.x${bits & 1}`, Buffer.from(name)), 'setxattr', at)
      }
      if (bits % 3 !== 1) fs.chmodSync(at, MODES[(bits >> 8) & 7]! & (owners ? 0o7777 : 0o1777))
    }
    fs.lutimesSync(at, OLD_SECONDS + (bits & 0xff), OLD_SECONDS + (bits & 0xfff))
  }
}

/** FNV-1a. */
function scatter(salt: number, text: string): number {
  let hash = 0x811c9dc5 ^ salt
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  return hash >>> 1
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

/** Each stack has a directory of its own in every layer, so that one mount does for all. @returns the layers, nearest first */
export function writeRuns(
  home: string,
  stacks: readonly MemoryLayer[][],
  form: LayerForm = 'trusted',
): string[] {
  const lowers = Array.from({ length: LAYERS_MAX }, (_, index) => path.join(home, `lower${index}`))
  for (const lower of lowers) fs.mkdirSync(lower)
  for (const [run, stack] of stacks.entries()) {
    const directories = stack.map((_, index) => path.join(lowers[index]!, `run${run}`))
    writeLowers(directories, stack, form)
  }
  for (const lower of lowers) age(lower)
  return lowers
}
