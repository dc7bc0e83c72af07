// What is at hand on any machine that can run this: the node that runs, shale's dependencies, shale itself.
// Says which host file goes where in an image; refuses to know how a tar or an image is written.

import fs from 'node:fs'
import path from 'node:path'

/** One thing in a layer. Paths have no leading slash. */
export type Ingredient =
  | { readonly kind: 'file'; readonly path: string; readonly source: string }
  | { readonly kind: 'text'; readonly path: string; readonly text: string; readonly mode?: number }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | { readonly kind: 'directory'; readonly path: string }

/** Where shale is put in the image. */
export const SHALE_HOME = 'opt/shale'

const LINKS_MAX = 40

/**
 * The running node and every shared library that it needs: what the kernel has mapped executable into this process,
 * the loader that the binary names, and the links by which the loader asks for each.
 */
export function nodeIngredients(project: string): Ingredient[] {
  const items = new Map<string, Ingredient>()
  place(items, process.execPath)
  const interpreter = elfInterpreter(process.execPath)
  if (interpreter !== undefined) place(items, interpreter)
  for (const library of mappedLibraries()) {
    // What shale's own dependencies loaded (koffi) belongs to their layer.
    if (library.startsWith(`${project}/`) || library.includes('/node_modules/')) continue
    place(items, library)
    for (const alias of aliasesOf(library)) place(items, alias)
  }
  // The loader searches /lib and /lib64, which are links on a system with a merged /usr.
  for (const name of ['lib', 'lib64']) {
    const target = linkTarget(`/${name}`)
    if (target !== undefined) items.set(name, { kind: 'symlink', path: name, target })
  }
  return withDirectories(items)
}

/** The packages of `dependencies`, resolved from package to package as node does. */
export function dependencyIngredients(project: string): Ingredient[] {
  const items = new Map<string, Ingredient>()
  const placed = new Map<string, string>([[project, SHALE_HOME]])
  const queue = [project]
  for (let dir = queue.shift(); dir !== undefined; dir = queue.shift()) {
    const manifest = readManifest(dir)
    for (const name of Object.keys({
      ...manifest.dependencies,
      ...manifest.optionalDependencies,
    })) {
      const found = findPackage(dir, name)
      // An optional package of another platform is not installed.
      if (found === undefined || placed.has(found.dir)) continue
      const target = `${placed.get(found.owner) ?? SHALE_HOME}/node_modules/${name}`
      placed.set(found.dir, target)
      queue.push(found.dir)
      placeTree(items, found.dir, target, (file) => !file.split('/').includes('node_modules'))
    }
  }
  return withDirectories(items)
}

/** The built program, library and command line. */
export function shaleIngredients(project: string): Ingredient[] {
  const items = new Map<string, Ingredient>()
  for (const name of ['dist/src', 'dist/cli', 'dist/bin']) {
    placeTree(
      items,
      path.join(project, name),
      `${SHALE_HOME}/${name}`,
      (file) => !file.endsWith('.map'),
    )
  }
  const manifest = `${SHALE_HOME}/package.json`
  items.set(manifest, { kind: 'file', path: manifest, source: path.join(project, 'package.json') })
  return withDirectories(items)
}

/** The file itself and each symbolic link on the way to it, so that the name works in the image as it does here. */
function place(items: Map<string, Ingredient>, absolute: string): void {
  let todo = absolute.split('/').filter((part) => part !== '')
  let done = ''
  for (let followed = 0; todo.length > 0;) {
    const here = `${done}/${todo.shift()!}`
    const target = linkTarget(here)
    if (target === undefined) {
      done = here
      continue
    }
    if (++followed > LINKS_MAX) return
    items.set(here.slice(1), { kind: 'symlink', path: here.slice(1), target })
    const resolved = path.resolve(done === '' ? '/' : done, target)
    todo = [...resolved.split('/').filter((part) => part !== ''), ...todo]
    done = ''
  }
  items.set(done.slice(1), { kind: 'file', path: done.slice(1), source: done })
}

function placeTree(
  items: Map<string, Ingredient>,
  dir: string,
  target: string,
  wanted: (file: string) => boolean,
): void {
  for (const name of fs.readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
    if (!wanted(name)) continue
    const source = path.join(dir, name)
    const status = fs.lstatSync(source)
    const at = `${target}/${name}`
    if (status.isFile()) items.set(at, { kind: 'file', path: at, source })
    else if (status.isSymbolicLink()) {
      items.set(at, { kind: 'symlink', path: at, target: fs.readlinkSync(source) })
    }
  }
}

/** In the order of a tar: each directory before what is in it. */
export function withDirectories(items: ReadonlyMap<string, Ingredient>): Ingredient[] {
  const all = new Map(items)
  for (const { path: file } of items.values()) {
    for (let dir = path.dirname(file); dir !== '.'; dir = path.dirname(dir)) {
      if (!all.has(dir)) all.set(dir, { kind: 'directory', path: dir })
    }
  }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
}

function mappedLibraries(): string[] {
  const files = new Set<string>()
  for (const line of fs.readFileSync('/proc/self/maps', 'utf8').split('\n')) {
    // address perms offset dev inode path
    const match = /^\S+ ..x. \S+ \S+ \S+\s+(\/.+)$/.exec(line)
    const file = match?.[1]
    if (file !== undefined && !file.endsWith(' (deleted)') && fs.existsSync(file)) files.add(file)
  }
  return [...files]
}

/** `libstdc++.so.6` for libstdc++.so.6.0.30: the names that a binary asks the loader for. */
function aliasesOf(library: string): string[] {
  const dir = path.dirname(library)
  const stem = /^.*?\.so/.exec(path.basename(library))?.[0]
  if (stem === undefined) return []
  return fs
    .readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isSymbolicLink() && entry.name.startsWith(stem))
    .map((entry) => path.join(dir, entry.name))
    .filter((alias) => resolved(alias) === library)
}

function resolved(file: string): string | undefined {
  try {
    return fs.realpathSync(file)
  } catch {
    return undefined // a dangling link
  }
}

function linkTarget(file: string): string | undefined {
  const status = fs.lstatSync(file, { throwIfNoEntry: false })
  return status?.isSymbolicLink() === true ? fs.readlinkSync(file) : undefined
}

/** PT_INTERP of a 64-bit little-endian ELF file: the loader's absolute path. */
export function elfInterpreter(file: string): string | undefined {
  const fd = fs.openSync(file, 'r')
  try {
    const header = Buffer.alloc(64)
    fs.readSync(fd, header, 0, 64, 0)
    const isElf64 = header.readUInt32BE(0) === 0x7f454c46 && header[4] === 2 && header[5] === 1
    if (!isElf64) return undefined
    const tableOffset = Number(header.readBigUInt64LE(32))
    const entryBytes = header.readUInt16LE(54)
    const entries = header.readUInt16LE(56)
    const table = Buffer.alloc(entryBytes * entries)
    fs.readSync(fd, table, 0, table.length, tableOffset)
    for (let at = 0; at < table.length; at += entryBytes) {
      if (table.readUInt32LE(at) !== 3) continue
      const text = Buffer.alloc(Math.min(4096, Number(table.readBigUInt64LE(at + 32))))
      fs.readSync(fd, text, 0, text.length, Number(table.readBigUInt64LE(at + 8)))
      return text.toString('utf8').replace(/\0.*$/s, '')
    }
    return undefined
  } finally {
    fs.closeSync(fd)
  }
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

function readManifest(dir: string): Manifest {
  return JSON.parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8')) as Manifest
}

/** @returns the package's folder, and the package in whose node_modules it lies */
function findPackage(from: string, name: string): { dir: string; owner: string } | undefined {
  for (let owner = from; ; owner = path.dirname(owner)) {
    const dir = path.join(owner, 'node_modules', name)
    if (fs.existsSync(path.join(dir, 'package.json'))) return { dir, owner }
    if (owner === path.dirname(owner)) return undefined
  }
}
