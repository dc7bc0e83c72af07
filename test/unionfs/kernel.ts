// The kernel's overlay is the oracle of copy-on-write: the same operations on its mount and on UnionFs, over the same
// layers, give the same results, the same errnos, the same tree; and an upper directory that UnionFs wrote is read by
// the kernel as what it is.

import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { systemNow } from '../../src/sys/clock.ts'
import { mountOverlay, unmount } from '../../src/sys/mount.ts'
import { getXattr, listXattrs } from '../../src/sys/xattr.ts'
import { E } from '../../src/union/errno.ts'
import * as union from '../../src/union/attributes.ts'
import { create } from '../../src/union/create.ts'
import { MemoryUpper } from '../../src/union/memory-upper.ts'
import type { UpperLayer } from '../../src/union/upper-layer.ts'
import { fsAdapter } from '../../src/unionfs/fs-adapter.ts'
import { UnionFs } from '../../src/unionfs/union-fs.ts'
import { pathArgument } from '../../src/unionfs/path-argument.ts'
import { walk } from '../../src/unionfs/walk.ts'
import { DirectoryLayer } from '../../src/view/directory-layer.ts'
import { DirectoryUpper } from '../../src/view/upper/directory-upper.ts'
import { DiskLayer } from '../../src/view/upper/disk-layer.ts'
import { latin1, overlaySkip } from '../support/layer-directory.ts'
import type { MemoryLayer } from '../support/memory-layer.ts'
import { layerStacks } from '../support/merge-model.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import {
  describeTree,
  operations,
  perform,
  releaseHeld,
  type Subject,
} from '../support/union-operations.ts'
import { differences, hostSubject, writeLowers } from '../support/union-subjects.ts'

const RUNS = Number(process.env['SHALE_UNION_RUNS'] ?? 150)
const OLD = 1_000_000_000
const skip = await overlaySkip()

function unionSubject(unionFs: UnionFs): Subject {
  const { calls } = unionFs
  const { tree } = calls
  const entryOf = (at: string) => {
    const walked = walk(tree, pathArgument(at), false)
    return typeof walked === 'number' ? walked : (walked.entry ?? -E.NOENT)
  }
  const numbered = (action: () => void): number => {
    try {
      action()
      return 0
    } catch (error) {
      return (error as NodeJS.ErrnoException).errno!
    }
  }
  return {
    fs: fsAdapter(unionFs),
    root: '',
    held: [],
    rename: (from, to, flags) =>
      numbered(() => calls.rename(from, to, { noReplace: flags === 1, exchange: flags === 2 })),
    setXattr: (at, name, value) => {
      const entry = entryOf(at)
      return typeof entry === 'number' ? entry : union.setXattr(tree, entry, name, value)
    },
    removeXattr: (at, name) => {
      const entry = entryOf(at)
      return typeof entry === 'number' ? entry : union.removeXattr(tree, entry, name)
    },
    mkfifo: (at) => {
      const walked = walk(tree, pathArgument(at), false)
      if (typeof walked === 'number') return walked
      if (walked.entry) return -E.EXIST
      const made = create(tree, walked.dir, walked.name, { type: 'fifo', mode: 0o644 }, ROOT)
      return typeof made === 'number' ? made : 0
    },
  }
}

const ROOT = { uid: 0, gid: 0 }

/** What stands on disk; `origin` and its kin are the kernel's notes to itself. */
function describeUpper(directory: string, sinceMs: number): Map<string, string> {
  const out = describeTree(hostSubject(directory), sinceMs)
  for (const [relative, text] of out) {
    const place = latin1(path.join(directory, relative))
    const names = listXattrs(place)
    if (typeof names === 'number') continue
    const kept = names.filter(
      (name) => !/^trusted\.overlay\.(origin|impure|uuid|nlink)$/.test(name),
    )
    const shown = kept.sort().map((name) => {
      const value = getXattr(place, name)
      return `${name}=${value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value}`
    })
    // A whiteout has no links of its own: the kernel makes one and links it.
    const plain = text.startsWith('20000 ') ? 'whiteout' : text
    out.set(relative, [plain, ...shown].join(' '))
  }
  return out
}

interface Bench {
  readonly lowers: string[]
  readonly dir: string
}

function writeBench(dir: string, layers: readonly MemoryLayer[]): Bench {
  const lowers = layers.map((_, index) => path.join(dir, `lower${index}`))
  writeLowers(lowers, layers, 'trusted')
  return { dir, lowers }
}

async function mountOn(bench: Bench, side: string, target: string): Promise<void> {
  await mountOverlay(
    {
      kind: 'overlay',
      lowers: bench.lowers,
      shortLowers: bench.lowers.map((lower) => path.basename(lower)),
      home: bench.dir,
      upper: path.join(bench.dir, side, 'upper'),
      work: path.join(bench.dir, side, 'work'),
      userxattr: false,
    },
    target,
  )
}

function prepareSide(bench: Bench, side: string): void {
  for (const name of ['upper', 'work', 'merged']) {
    fs.mkdirSync(path.join(bench.dir, side, name), { recursive: true })
  }
  fs.utimesSync(path.join(bench.dir, side, 'upper'), OLD, OLD)
}

t.test('the same operations, results, trees and upper directories', { skip }, async (t) => {
  const home = temporaryDirectory(t)
  let run = 0
  const property = fc.asyncProperty(
    layerStacks,
    operations,
    fc.boolean(),
    async (layers, list, inMemory) => {
      const bench = writeBench(path.join(home, String(run++)), layers)
      prepareSide(bench, 'kernel')
      prepareSide(bench, 'ours')
      const merged = path.join(bench.dir, 'kernel', 'merged')
      await mountOn(bench, 'kernel', merged)
      const lowers = bench.lowers.map((lower) => new DirectoryLayer(lower))
      const ours = path.join(bench.dir, 'ours')
      const upper: UpperLayer = inMemory
        ? new MemoryUpper(systemNow, { mtimeNs: BigInt(OLD) * 1_000_000_000n })
        : new DirectoryUpper(path.join(ours, 'upper'), {
            form: 'trusted',
            work: path.join(ours, 'work'),
          })
      const unionFs = new UnionFs({ lowers: lowers.map((layer) => new DiskLayer(layer)), upper })
      const kernel = hostSubject(merged)
      const mine = unionSubject(unionFs)
      const started = Date.now() - 86_400_000
      try {
        for (const [index, operation] of list.entries()) {
          const expected = perform(kernel, operation)
          const actual = perform(mine, operation)
          if (expected !== actual) {
            throw new Error(
              `operation ${index} ${JSON.stringify(operation)}: the kernel says ${expected}, we say ${actual}`,
            )
          }
        }
        releaseHeld(kernel)
        releaseHeld(mine)
        const tree = describeTree(kernel, started)
        same(tree, describeTree(mine, started), 'the merged tree')
        if (!inMemory) {
          const upperOf = (side: string): Map<string, string> =>
            describeUpper(path.join(bench.dir, side, 'upper'), started)
          same(upperOf('kernel'), upperOf('ours'), 'the upper directory')
        }
        await unionFs.close()
        if (!inMemory) {
          const again = path.join(ours, 'merged')
          await mountOn(bench, 'ours', again)
          try {
            same(
              tree,
              describeTree(hostSubject(again), started),
              'our upper, mounted by the kernel',
            )
          } finally {
            unmount(again, { lazy: true })
          }
        }
      } finally {
        releaseHeld(kernel)
        releaseHeld(mine)
        await unionFs.close()
        for (const layer of lowers) layer.close()
        unmount(merged, { lazy: true })
        fs.rmSync(bench.dir, { recursive: true, force: true })
      }
    },
  )
  await fc.assert(property, { numRuns: RUNS })
  t.pass(`${run} runs`)
})

function same(expected: Map<string, string>, actual: Map<string, string>, what: string): void {
  const lines = differences(expected, actual)
  if (lines.length > 0) throw new Error(`${what} differs\n${lines.join('\n')}`)
}
