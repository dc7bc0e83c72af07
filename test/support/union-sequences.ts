// The same operations on two views of the same layers, the kernel's overlay mount and one of ours: what each call
// returned, the merged trees, and the upper directories, by the disk and as the kernel shows them when it mounts them.
// A batch of sequences shares its mounts, each in a directory of its own; one sequence alone works at the top.

import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { systemNow } from '../../src/sys/clock.ts'
import { unmountFuse } from '../../src/sys/fuse-device.ts'
import { mountOverlay, unmount } from '../../src/sys/mount.ts'
import { getXattr, listXattrs } from '../../src/sys/xattr.ts'
import { MemoryUpper } from '../../src/union/memory-upper.ts'
import type { UpperLayer } from '../../src/union/upper-layer.ts'
import { UnionFs } from '../../src/unionfs/union-fs.ts'
import { DirectoryLayer } from '../../src/view/directory-layer.ts'
import { markForm, type DiskForm } from '../../src/view/disk-form.ts'
import { mountByFuse } from '../../src/view/fuse/mount-fuse.ts'
import { DirectoryUpper } from '../../src/view/upper/directory-upper.ts'
import { DiskLayer } from '../../src/view/upper/disk-layer.ts'
import { latin1 } from './layer-directory.ts'
import { memoryLayer, type MemoryEntry, type MemoryLayer } from './memory-layer.ts'
import { layerStacks } from './merge-model.ts'
import {
  describeTree,
  givesPrivileges,
  operations,
  perform,
  releaseHeld,
  type Operation,
  type Subject,
} from './union-operations.ts'
import { age, differences, hostSubject, unionSubject, writeLowers } from './union-subjects.ts'

const OLD_NS = 1_000_000_000n * 1_000_000_000n
const DAY_MS = 86_400_000

/** Which of ours is held against the kernel's. */
export type Side = 'memory' | 'directory' | 'fuse'

export interface Sequence {
  readonly layers: readonly MemoryLayer[]
  readonly salt: number
  readonly operations: readonly Operation[]
}

export const sequences: fc.Arbitrary<Sequence> = fc
  .record({ layers: layerStacks, salt: fc.nat(1000), operations })
  .map((sequence) => Object.assign(sequence, { [fc.toStringMethod]: () => shown(sequence) }))

/** As a failing run prints it, and as a fixture keeps it. */
function shown({ layers, salt, operations }: Sequence): string {
  const stack = layers.map(({ entries }) => [...entries.values()].filter((entry) => entry.path))
  return `\n${JSON.stringify({ layers: stack, salt, operations })}\n`
}

/** Sequences that told the two apart once, shrunk; each with what it was. */
export function keptSequences(): { why: string; sequence: Sequence }[] {
  const file = new URL('../../../fixtures/union/sequences.json', import.meta.url)
  const all = JSON.parse(fs.readFileSync(file, 'utf8')) as {
    why: string
    layers: MemoryEntry[][]
    salt: number
    operations: Operation[]
  }[]
  return all.map(({ why, layers, salt, operations }) => ({
    why,
    sequence: { layers: layers.map((lines) => memoryLayer(...lines)), salt, operations },
  }))
}

export interface RunOptions extends Omit<CompareOptions, 'home'> {
  /** Where each comparison has a directory of its own for as long as it lasts. */
  readonly parent: string
  readonly runs: number
  /** Sequences that share their mounts; default 1. */
  readonly batch?: number
}

/** @throws Error with the shrunk sequence and the seed, where anything differs; SHALE_UNION_SEED repeats a run */
export async function runSequences({ parent, runs, batch = 1, ...how }: RunOptions): Promise<void> {
  const lists =
    batch === 1
      ? sequences.map((one) => [one])
      : fc.array(sequences, { minLength: 1, maxLength: batch, size: 'max' })
  const property = fc.asyncProperty(lists, (list) => compareIn(parent, list, how))
  const seed = process.env['SHALE_UNION_SEED']
  await fc.assert(property, {
    numRuns: runs,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
  })
}

export async function compareIn(
  parent: string,
  list: readonly Sequence[],
  how: Omit<CompareOptions, 'home'>,
): Promise<void> {
  const home = fs.mkdtempSync(path.join(parent, 'run-'))
  try {
    await compareSequences(list, { ...how, home })
  } finally {
    fs.rmSync(home, { recursive: true, force: true })
  }
}

export interface CompareOptions {
  /** An empty directory. */
  readonly home: string
  readonly side: Side
  /** `trusted`; or `user` or `plain` for mounts with userxattr, where nothing is given to other users. */
  readonly form: DiskForm
}

/** @throws Error that says what differs, the first thing of the first sequence in which anything does */
export async function compareSequences(
  list: readonly Sequence[],
  options: CompareOptions,
): Promise<void> {
  const { home, form, side } = options
  const lowers = writeStacks(list, options)
  const kernel = makeSide(home, 'kernel')
  const ours = makeSide(home, 'ours')
  await mount(lowers, kernel, options)
  const view = await openView(lowers, ours, options)
  const roots = list.map((_, run) => (list.length === 1 ? '' : `/run${run}`))
  const since = Date.now() - DAY_MS
  const trees: Map<string, string>[] = []
  try {
    for (const [run, sequence] of list.entries()) {
      const expected = hostSubject(`${kernel.merged}${roots[run]}`)
      const actual = view.subject(roots[run]!)
      try {
        compareResults(expected, actual, kept(sequence.operations, options))
      } finally {
        releaseHeld(expected)
        releaseHeld(actual)
      }
      trees.push(describeTree(expected, since))
      const actualTree = describeTree(actual, since)
      same(withoutNumbers(trees[run]!, form), withoutNumbers(actualTree, form), 'the merged tree')
    }
    if (form === 'trusted' && side !== 'memory') {
      const upperOf = (at: string): Map<string, string> => describeUpper(at, since)
      same(upperOf(kernel.upper), upperOf(ours.upper), 'the upper directory')
    }
    await view.close()
    if (side === 'memory') return
    await mount(lowers, { ...ours, merged: ours.again }, options)
    try {
      for (const [run, root] of roots.entries()) {
        const again = describeTree(hostSubject(`${ours.again}${root}`), since)
        same(asKernelReads(trees[run]!, form), asKernelReads(again, form), 'our upper, mounted')
      }
    } finally {
      unmount(ours.again, { lazy: true })
    }
  } finally {
    await view.close()
    unmount(kernel.merged, { lazy: true })
  }
}

function compareResults(kernel: Subject, ours: Subject, list: readonly Operation[]): void {
  for (const [index, operation] of list.entries()) {
    const expected = perform(kernel, operation)
    const actual = perform(ours, operation)
    if (expected === actual) continue
    throw new Error(
      `operation ${index} ${JSON.stringify(operation)}: the kernel says ${expected}, we say ${actual}`,
    )
  }
}

/** What a view has no way to do alike, or a user no right to. */
export function kept(
  list: readonly Operation[],
  { form }: Pick<CompareOptions, 'form'>,
): Operation[] {
  return list.filter((operation) => {
    const { kind } = operation
    // Nobody else's account is there to give files to. A pipe is a record in that form, which the kernel reads as a
    // file; and without CAP_FSETID in the first user namespace a write takes setuid and setgid away.
    const isTheirs = /^(?:chown|lchown|fifo)$/.test(kind) || givesPrivileges(operation)
    return form === 'trusted' || !isTheirs
  })
}

interface Place {
  readonly upper: string
  readonly work: string
  readonly merged: string
  readonly again: string
}

function makeSide(home: string, name: string): Place {
  const at = (part: string): string => path.join(home, name, part)
  for (const part of ['upper', 'work', 'merged', 'again']) {
    fs.mkdirSync(at(part), { recursive: true })
  }
  age(at('upper'))
  return { upper: at('upper'), work: at('work'), merged: at('merged'), again: at('again') }
}

function writeStacks(list: readonly Sequence[], { home, form }: CompareOptions): string[] {
  const depth = Math.max(...list.map(({ layers }) => layers.length))
  const lowers = Array.from({ length: depth }, (_, index) => path.join(home, `lower${index}`))
  for (const lower of lowers) fs.mkdirSync(lower)
  for (const [run, { layers, salt }] of list.entries()) {
    const places = layers.map((_, index) =>
      list.length === 1 ? lowers[index]! : path.join(lowers[index]!, `run${run}`),
    )
    writeLowers(places, layers, markForm(form), { salt, owners: form === 'trusted' })
  }
  return lowers
}

async function mount(lowers: string[], place: Place, { home, form }: CompareOptions) {
  await mountOverlay(
    {
      kind: 'overlay',
      lowers,
      shortLowers: lowers.map((lower) => path.basename(lower)),
      home,
      upper: place.upper,
      work: place.work,
      userxattr: form !== 'trusted',
    },
    place.merged,
  )
}

interface View {
  subject(root: string): Subject
  /** Idempotent. */
  close(): Promise<void>
}

async function openView(lowers: string[], place: Place, options: CompareOptions): Promise<View> {
  const { form, side } = options
  if (side === 'fuse') {
    const upper = { directory: place.upper, work: place.work }
    const { pid } = await mountByFuse({ target: place.merged, form, lowers, upper })
    let closed = false
    return {
      subject: (root) => hostSubject(`${place.merged}${root}`),
      close: async () => {
        if (closed) return
        closed = true
        unmountFuse(place.merged, { lazy: true })
        await ended(pid)
      },
    }
  }
  const layers = lowers.map((lower) => new DirectoryLayer(lower, { form }))
  const upper: UpperLayer =
    side === 'memory'
      ? new MemoryUpper(systemNow, { mtimeNs: OLD_NS })
      : new DirectoryUpper(place.upper, { form, work: place.work })
  const unionFs = new UnionFs(
    { lowers: layers.map((layer) => new DiskLayer(layer)), upper },
    { onClose: () => layers.forEach((layer) => layer.close()) },
  )
  return {
    subject: (root) => unionSubject(unionFs, root),
    close: () => unionFs.close(),
  }
}

/** A server holds its upper directory until it is gone. */
async function ended(pid: number): Promise<void> {
  const isRunning = (): boolean => {
    try {
      return !/^\d+ \(.*\) Z/.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'))
    } catch {
      return false
    }
  }
  while (isRunning()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** What stands on disk; `origin` and its kin are the kernel's notes to itself. */
function describeUpper(directory: string, sinceMs: number): Map<string, string> {
  const out = describeTree(hostSubject(directory), sinceMs)
  for (const [relative, text] of out) {
    const place = latin1(path.join(directory, relative))
    const names = listXattrs(place)
    if (typeof names === 'number') continue
    const marks = names.filter(
      (name) =>
        name.startsWith('trusted.') && !/^trusted\.overlay\.(origin|impure|uuid|nlink)$/.test(name),
    )
    const shownMarks = marks.sort().map((name) => {
      const value = getXattr(place, name)
      return `${name}=${value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value}`
    })
    // A whiteout has no links of its own: the kernel makes one and links it.
    const plain = text.startsWith('20000 ') ? 'whiteout' : text
    out.set(relative, [plain, ...shownMarks].join(' '))
  }
  return out
}

/** Without trusted.overlay.origin the kernel forgets that two names of a copied file are one (st_ino). */
function withoutNumbers(tree: Map<string, string>, form: DiskForm): Map<string, string> {
  if (form === 'trusted') return tree
  return new Map([...tree].map(([name, text]) => [name, text.replace(/ same as .*$/, '')]))
}

/** In the form `user` the owner and part of the mode are a record of ours, which the kernel does not read. */
function asKernelReads(tree: Map<string, string>, form: DiskForm): Map<string, string> {
  if (form === 'trusted') return tree
  const plain = withoutNumbers(tree, form)
  const masked = ([name, text]: [string, string]): [string, string] => [
    name,
    text.replace(/^(\d+) \d+:\d+/, (_, mode: string) => (parseInt(mode, 8) & 0o170077).toString(8)),
  ]
  return new Map([...plain].map(masked))
}

function same(expected: Map<string, string>, actual: Map<string, string>, what: string): void {
  const lines = differences(expected, actual)
  if (lines.length > 0) throw new Error(`${what} differs\n${lines.join('\n')}`)
}
