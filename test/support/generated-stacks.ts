// Generated stacks of layers, and what is held against what: the applied directories and their union against a model
// of the spec's text (spec-model.ts), the kernel's overlay over the same directories, the vfs driver's whole trees, and
// lint's reading of the same tars.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { LayerApplier, type ApplyResult } from '../../src/archive/apply.ts'
import { newCacheID } from '../../src/driver/cache-id.ts'
import type { CacheID, DiffID } from '../../src/digest/digest.ts'
import type { Driver, DriverName, LayerForm } from '../../src/driver/driver.ts'
import { selectDriver } from '../../src/driver/select.ts'
import { ArchiveError, UnsafePathError } from '../../src/errors.ts'
import { Findings } from '../../src/lint/findings.ts'
import { NodeBudget } from '../../src/lint/layer-tree.ts'
import { LayerReader } from '../../src/lint/layer-reader.ts'
import type { LayerTree } from '../../src/lint/layer-tree.ts'
import { findWastedBytes } from '../../src/lint/wasted-bytes.ts'
import type { BytePath } from '../../src/path/byte-path.ts'
import { mountSpec, unmount } from '../../src/sys/mount.ts'
import type { TarHandler, TarHeader } from '../../src/tar/entry.ts'
import { TarParser } from '../../src/tar/parser.ts'
import { LayerStack } from '../../src/view/stack.ts'
import { PROJECT } from './cli.ts'
import { layerTar, MTIME_NS } from './layer.ts'
import { specTree, type ModelEntry, type ModelTree } from './spec-model.ts'

export type Stack = readonly (readonly ModelEntry[])[]

/** Few, so that layers collide; some that only look like markers, one that is no UTF-8, one for PAX. */
const NAMES = ['a', 'b', 'c', 'a.wh.b', '.wh', '\xc3\xa9', '\xff\xfe', 'x'.repeat(101)]
const nameOf = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('a', 'b', 'c') },
  { weight: 1, arbitrary: fc.constantFrom(...NAMES) },
)
const pathOf = fc.array(nameOf, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
const directoryOf = fc.oneof(
  { weight: 1, arbitrary: fc.constant('') },
  { weight: 8, arbitrary: pathOf },
)
const modeOf = fc.constantFrom(0o755, 0o700, 0o1777)
const targetOf = fc.oneof(
  { weight: 2, arbitrary: pathOf },
  { weight: 1, arbitrary: pathOf.map((target) => `/${target}`) },
  { weight: 1, arbitrary: pathOf.map((target) => `../${target}`) },
  { weight: 1, arbitrary: fc.constantFrom('.', '..', '/', '../../..', 'missing/x') },
)
const below = (directory: string, last: string): string =>
  directory === '' ? last : `${directory}/${last}`

const entryOf: fc.Arbitrary<ModelEntry & { readonly odd?: boolean }> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      path: pathOf,
      type: fc.constant('file' as const),
      content: fc.nat({ max: 40 }).map((length) => '.'.repeat(length)),
      mode: fc.constant(0o644),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ path: pathOf, type: fc.constant('directory' as const), mode: modeOf }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      path: pathOf,
      type: fc.constant('symlink' as const),
      target: targetOf,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ path: pathOf, type: fc.constant('hardlink' as const), target: pathOf }),
  },
  {
    weight: 5,
    arbitrary: fc.tuple(directoryOf, nameOf).map(([dir, n]) => marker(dir, `.wh.${n}`)),
  },
  { weight: 3, arbitrary: directoryOf.map((dir) => marker(dir, '.wh..wh..opq')) },
  { weight: 1, arbitrary: directoryOf.map((dir) => marker(dir, '.wh..wh.plnk')) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(pathOf, fc.constantFrom('.wh.', '.wh..', '.wh...', '.wh.a/b'))
      .map(([dir, n]) => ({ ...marker(dir, n), odd: true })),
  },
)

function marker(directory: string, name: string): ModelEntry {
  return { path: below(directory, name), type: 'file', content: '', mode: 0o600 }
}

/**
 * Most random layers would be refused for an entry below a file, or a link to nothing. Those entries are changed into
 * what was probably meant, in all layers but a few.
 */
function mend(
  entries: readonly (ModelEntry & { readonly odd?: boolean })[],
  keepOdd: boolean,
): ModelEntry[] {
  const leaves = new Set<string>()
  const out: ModelEntry[] = []
  for (const { odd, ...entry } of entries) {
    if (odd && !keepOdd) continue
    const parts = entry.path.split('/')
    const above = parts.map((_, i) => parts.slice(0, i).join('/'))
    if (!keepOdd && above.some((dir) => leaves.has(dir))) continue
    let mended = entry
    if (entry.type === 'hardlink' && !keepOdd) {
      const files = [...leaves].filter(
        (leaf) => leaf !== entry.path && !leaf.startsWith(`${entry.path}/`),
      )
      const target = files[entry.target!.length % Math.max(files.length, 1)]
      if (target === undefined) continue
      mended = { ...entry, target }
    }
    for (const leaf of leaves) if (leaf.startsWith(`${entry.path}/`)) leaves.delete(leaf)
    if (entry.type === 'file' || entry.type === 'hardlink') {
      if (!parts.at(-1)!.startsWith('.wh.')) leaves.add(entry.path)
    } else leaves.delete(entry.path)
    out.push(mended)
  }
  return out
}

const layerOf = fc
  .tuple(fc.array(entryOf, { maxLength: 12 }), fc.nat({ max: 24 }))
  .map(([entries, luck]) => mend(entries, luck === 24))

/** Contents are made different from each other, so that a file is known wherever it turns up. */
export const stacks: fc.Arbitrary<Stack> = fc
  .array(layerOf, { minLength: 1, maxLength: 6 })
  .map((layers) =>
    layers.map((entries, layer) => entries.map((entry, i) => labelled(entry, layer, i))),
  )

function labelled(entry: ModelEntry, layer: number, index: number): ModelEntry {
  const isMarker = entry.type !== 'file' || `/${entry.path}`.includes('/.wh.')
  return isMarker ? entry : { ...entry, content: `${layer}.${index}${entry.content}` }
}

export function stackTars(stack: Stack): Buffer[] {
  return stack.map((entries, layer) =>
    layerTar(
      ...entries.map((entry) => ({
        // Every other layer as `tar -C dir .` writes it.
        path: `${layer % 2 === 1 ? './' : ''}${entry.path}${entry.type === 'directory' ? '/' : ''}` as BytePath,
        type: entry.type,
        linkPath: (entry.target ?? '') as BytePath,
        mode: entry.mode ?? 0o777,
        mtimeNs: MTIME_NS,
        ...(entry.content === undefined ? {} : { body: Buffer.from(entry.content, 'latin1') }),
      })),
    ),
  )
}

/** One line a name: what the model, a union and a kernel can all tell of it. */
type Lines = Map<string, string>

function linesOf(
  tree: Iterable<
    readonly [
      string,
      {
        type: string
        content?: string
        target?: string
        mode?: number | undefined
        body?: unknown
      },
    ]
  >,
): Lines {
  const first = new Map<unknown, string>()
  const lines: Lines = new Map()
  for (const [name, node] of [...tree].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { type } = node
    let line: string = type
    if (type === 'symlink') line += ` -> ${node.target}`
    if (type === 'file') line += ` ${node.content}`
    if (type === 'directory' && node.mode !== undefined) line += ` ${node.mode.toString(8)}`
    if (node.body !== undefined && type !== 'directory') {
      if (!first.has(node.body)) first.set(node.body, name)
      line += ` first called ${first.get(node.body)}`
    }
    lines.set(name, line)
  }
  return lines
}

/** The first thing in which two trees differ. */
function difference(actual: Lines, expected: Lines): string | undefined {
  for (const name of new Set([...actual.keys(), ...expected.keys()])) {
    const [a, e] = [actual.get(name), expected.get(name)]
    if (a !== e)
      return `${JSON.stringify(name)} is ${a ?? 'absent'}, and should be ${e ?? 'absent'}`
  }
  return undefined
}

/** The modes of directories that no entry names are the applier's own choice: 0755. */
function modelLines(tree: ModelTree): Lines {
  return linesOf(
    [...tree].map(
      ([name, node]) =>
        [name, node.type === 'directory' ? { ...node, mode: node.mode ?? 0o755 } : node] as const,
    ),
  )
}

function apply(directory: string, tar: Buffer, form: LayerForm): ApplyResult | undefined {
  const applier = new LayerApplier(directory, form)
  try {
    const handler: TarHandler = {
      raw: () => {},
      entry: (header: TarHeader) => applier.entry(header),
      body: (bytes) => applier.body(bytes),
      bodyEnd: () => applier.bodyEnd(),
      globalHeader: () => {},
    }
    const parser = new TarParser(handler)
    parser.write(tar)
    parser.end()
    return applier.finish()
  } catch (error) {
    if (error instanceof ArchiveError || error instanceof UnsafePathError) return undefined
    throw error
  } finally {
    applier.close()
  }
}

/** @returns the layers' names in the driver, base first; undefined where one was refused */
async function applyStack(
  driver: Driver,
  tars: readonly Buffer[],
  made: CacheID[],
): Promise<CacheID[] | undefined> {
  const ids: CacheID[] = []
  for (const tar of tars) {
    const id = newCacheID()
    const parent = ids.at(-1)
    made.push(id)
    await driver.create(id, parent)
    const applied = apply(await driver.begin(id), tar, driver.form)
    if (applied === undefined) return undefined
    await driver.finish(id, {
      rootOpaque: applied.rootOpaque,
      whiteoutDirectories: applied.whiteoutDirectories,
      ...(parent === undefined ? {} : { parent }),
    })
    ids.push(id)
  }
  return ids
}

function unionLines(
  directories: readonly string[],
  form: LayerForm,
  asked: Iterable<string>,
): Lines {
  using stack = new LayerStack(directories, { form })
  const tree = new Map<
    string,
    Parameters<typeof linesOf>[0] extends Iterable<readonly [string, infer N]> ? N : never
  >()
  for (const entry of stack.view.walk()) {
    const node = stack.view.node(entry)!
    tree.set(entry.path, {
      type: node.type,
      mode: node.mode,
      ...(node.type === 'symlink' ? { target: node.linkTarget } : {}),
      ...(node.type === 'file' ? { content: contentOf(stack, entry.layer, entry.path) } : {}),
      body: node.hardlinkKey === undefined ? {} : `${entry.layer}:${node.hardlinkKey}`,
    })
  }
  // A lookup by name must say what the listing says, also of names that are not there.
  using fresh = new LayerStack(directories, { form })
  for (const name of asked) {
    const found = fresh.view.lookup(name as BytePath)
    if (found?.type !== tree.get(name)?.type) {
      tree.set(name, { type: `${found?.type} by lookup, ${tree.get(name)?.type} by list` })
    }
  }
  return linesOf(tree)
}

function contentOf(stack: LayerStack, layer: number, name: BytePath): string {
  const fd = stack.layers[layer]!.openFile(name)
  try {
    return fs.readFileSync(fd, 'latin1')
  } finally {
    fs.closeSync(fd)
  }
}

function diskLines(root: string): Lines {
  const tree = new Map<
    string,
    { type: string; content?: string; target?: string; mode?: number; body?: unknown }
  >()
  const top = Buffer.from(`${root}/`)
  const visit = (relative: string): void => {
    const here = Buffer.concat([top, Buffer.from(relative, 'latin1')])
    for (const each of fs.readdirSync(here, { encoding: 'latin1' }).sort()) {
      const name = below(relative, each)
      const at = Buffer.concat([top, Buffer.from(name, 'latin1')])
      const status = fs.lstatSync(at, { throwIfNoEntry: false })
      if (status === undefined) tree.set(name, { type: 'a ghost' })
      else if (status.isDirectory()) {
        tree.set(name, { type: 'directory', mode: status.mode & 0o7777 })
        visit(name)
      } else if (status.isSymbolicLink()) {
        tree.set(name, {
          type: 'symlink',
          target: fs.readlinkSync(at, 'latin1'),
          body: bodyOf(status),
        })
      } else if (status.isFile()) {
        tree.set(name, {
          type: 'file',
          content: fs.readFileSync(at, 'latin1'),
          body: bodyOf(status),
        })
      } else tree.set(name, { type: 'something else' })
    }
  }
  visit('')
  return linesOf(tree)
}

function bodyOf(status: fs.Stats): unknown {
  return status.nlink > 1 ? `${status.dev}:${status.ino}` : {}
}

export interface StackChecks {
  readonly driver: Driver
  /** An existing directory to mount on; none: the kernel is not asked. */
  readonly mountPoint?: string
  /** Whole trees as well, from a driver that merges at once. */
  readonly whole?: Driver
}

/** @returns what disagrees, or whether the stack is one that must be refused */
export async function checkStack(
  stack: Stack,
  checks: StackChecks,
): Promise<{ wrong?: string; refused: boolean }> {
  const { driver, mountPoint, whole } = checks
  const model = specTree(stack)
  const tars = stackTars(stack)
  const refused = model === undefined
  const lint = lintStack(tars)
  if (lint.refused !== refused) {
    return {
      refused,
      wrong: `lint ${lint.refused ? 'reports' : 'does not report'} what is to be refused`,
    }
  }
  const made: CacheID[] = []
  const merged: CacheID[] = []
  try {
    const ids = await applyStack(driver, tars, made)
    if ((ids === undefined) !== refused) {
      return { refused, wrong: refused ? 'it was taken, and should be refused' : 'it was refused' }
    }
    if (model === undefined || ids === undefined) return { refused }
    const expected = modelLines(model.tree)
    const asked = new Set(stack.flat().map((entry) => entry.path))
    for (const name of expected.keys()) asked.add(name)
    for (const name of asked) if (`/${name}`.includes('/.wh.')) asked.delete(name)

    const top = ids.at(-1)!
    const directories = await driver.stack(top)
    const byUnion = difference(unionLines(directories, driver.form, asked), expected)
    if (byUnion !== undefined) return { refused, wrong: `union: ${byUnion}` }

    if (mountPoint !== undefined) {
      await mountSpec(await driver.mounts(top), mountPoint)
      try {
        // The kernel gives names of one lower file one inode, so even hardlinks agree.
        const byKernel = difference(diskLines(mountPoint), expected)
        if (byKernel !== undefined) return { refused, wrong: `kernel: ${byKernel}` }
      } finally {
        unmount(mountPoint, { lazy: true })
      }
    }
    if (whole !== undefined) {
      const all = await applyStack(whole, tars, merged)
      const lines = all && unionLines(await whole.stack(all.at(-1)!), whole.form, asked)
      const byWhole = lines === undefined ? 'refused' : difference(lines, expected)
      if (byWhole !== undefined) return { refused, wrong: `whole trees: ${byWhole}` }
    }
    const seen = new Map(
      [...model.tree.values()].map((node) => [node.body, node.content?.length ?? 0]),
    )
    const squashedBytes = [...seen.values()].reduce((sum, bytes) => sum + bytes, 0)
    if (
      lint.contentBytes !== model.contentBytes ||
      lint.wastedBytes !== model.contentBytes - squashedBytes
    ) {
      return {
        refused,
        wrong: `lint: ${lint.wastedBytes} of ${lint.contentBytes} bytes wasted, and should be ${model.contentBytes - squashedBytes} of ${model.contentBytes}`,
      }
    }
    return { refused }
  } finally {
    for (const id of made.reverse()) await driver.remove(id)
    for (const id of merged.reverse()) await whole!.remove(id)
  }
}

/** The rules by which lint says that shale itself would refuse a layer. */
const REFUSED = new Set([
  'bad-whiteout',
  'below-a-file',
  'hardlink-to-lower',
  'hardlink-to-nothing',
  'escaping-name',
])

function lintStack(tars: readonly Buffer[]): {
  refused: boolean
  contentBytes: number
  wastedBytes: number
} {
  const findings = new Findings(() => true)
  const budget = new NodeBudget()
  const trees: LayerTree[] = []
  let missing = 0
  for (const [index, tar] of tars.entries()) {
    findings.startLayer(index + 1, `sha256:${'0'.repeat(64)}` as DiffID)
    const reader = new LayerReader(index, findings, budget, { nowNs: MTIME_NS })
    const parser = new TarParser(reader)
    parser.write(tar)
    parser.end()
    reader.finish()
    missing += reader.missingTargets.length
    trees.push(reader.tree)
  }
  const { contentBytes, wastedBytes } = findWastedBytes(trees, 0)
  return {
    refused: missing > 0 || findings.list().some(({ rule }) => REFUSED.has(rule)),
    contentBytes,
    wastedBytes,
  }
}

/** For a counter-example in a message. */
export function stackText(stack: Stack): string {
  const text = ({ path: name, type, target }: ModelEntry): string =>
    `${JSON.stringify(name)}${type === 'directory' ? '/' : ''}${target === undefined ? '' : ` ${type === 'hardlink' ? '=' : '->'} ${JSON.stringify(target)}`}`
  return stack.map((entries, i) => `layer ${i + 1}: ${entries.map(text).join(', ')}`).join('\n')
}

/** A driver on an empty root below an existing directory. */
export function emptyDriver(directory: string, name: DriverName): Driver {
  const root = path.join(directory, name)
  fs.mkdirSync(path.join(root, 'shale'), { recursive: true })
  const driver = selectDriver(root, name)
  for (const { path: place, mode } of driver.skeleton()) fs.mkdirSync(place, { mode })
  driver.settleForm()
  return driver
}

export interface CounterExample {
  /** What went wrong. */
  readonly name: string
  readonly layers: Stack
}

const FIXTURES = path.join(PROJECT, 'fixtures', 'stacks')

/** Found by generation and shrunk. */
export function counterExamples(): CounterExample[] {
  return fs
    .readdirSync(FIXTURES)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      const text = fs.readFileSync(path.join(FIXTURES, name), 'utf8')
      return JSON.parse(text) as CounterExample[]
    })
}

/** @returns the file that holds it from now on */
export function keepCounterExample(example: CounterExample): string {
  const text = `${JSON.stringify([example], null, 1)}\n`
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12)
  const file = path.join(FIXTURES, `${hash}.json`)
  fs.writeFileSync(file, text)
  return file
}
