// What a change is said to do is what it does: predicted over generated stacks, then done, by UnionFs in each form that
// this host can keep and by the kernel's own overlay (root), and the upper layer compared with the prediction.

import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { LayerForm } from '../../src/driver/driver.ts'
import {
  EXPLAIN_OPS,
  predict,
  type ExplainOp,
  type Prediction,
  type UpperChange,
} from '../../src/explain/predict.ts'
import { NameSearch } from '../../src/explain/trace.ts'
import { joinPath, type BytePath } from '../../src/path/byte-path.ts'
import { mountOverlay, unmount } from '../../src/sys/mount.ts'
import { fsAdapter } from '../../src/unionfs/fs-adapter.ts'
import { UnionFs } from '../../src/unionfs/union-fs.ts'
import { DirectoryLayer } from '../../src/view/directory-layer.ts'
import { mergeLayers } from '../../src/union/merge.ts'
import { LayerStack } from '../../src/view/stack.ts'
import { DirectoryUpper } from '../../src/view/upper/directory-upper.ts'
import { DiskLayer } from '../../src/view/upper/disk-layer.ts'
import { formsHere, overlaySkip, writeLayer } from '../support/layer-directory.ts'
import {
  directory,
  file,
  memoryLayer,
  symlink,
  whiteout,
  type MemoryEntry,
  type MemoryLayer,
} from '../support/memory-layer.ts'
import { layerStacks } from '../support/merge-model.ts'
import { memoryDirectory } from '../support/temporary.ts'

const RUNS = Number(process.env['SHALE_EXPLAIN_RUNS'] ?? 200)
/** The form `none` keeps a directory open to its owner. */
const NEW_MODE = 0o750
const WRITTEN = 'NEW'

interface Attempt {
  readonly op: ExplainOp
  readonly at: string
  readonly to: string
}

const name = fc.constantFrom('a', 'b', 'c', 'd.e')
const place = fc
  .tuple(
    fc.array(name, { minLength: 1, maxLength: 3 }),
    fc.constantFrom('', '', '', '', '', '/', '//', '/.', '/..', '/../a', '/./b'),
  )
  .map(([parts, end]) => `/${parts.join('/')}${end}`)
const attempts: fc.Arbitrary<Attempt> = fc.record({
  op: fc.constantFrom(...EXPLAIN_OPS, 'mv' as const, 'mv' as const),
  at: place,
  to: place,
})

type Calls = Pick<
  typeof fs,
  | 'openSync'
  | 'writeSync'
  | 'closeSync'
  | 'chmodSync'
  | 'mkdirSync'
  | 'rmSync'
  | 'rmdirSync'
  | 'renameSync'
>

/** @returns the errno, '' for success */
function carryOut(calls: Calls, root: string, { op, at, to }: Attempt): string {
  const from = root + at
  try {
    if (op === 'write') {
      const fd = calls.openSync(from, fs.constants.O_WRONLY | fs.constants.O_CREAT, 0o644)
      calls.writeSync(fd, Buffer.from(WRITTEN), 0, WRITTEN.length, 0)
      calls.closeSync(fd)
    } else if (op === 'chmod') calls.chmodSync(from, NEW_MODE)
    else if (op === 'mkdir') calls.mkdirSync(from, 0o755)
    // rm(1) refuses `..` of itself; node:fs would remove what is beside the path.
    else if (op === 'rm' && at.endsWith('/..')) calls.rmdirSync(from)
    else if (op === 'rm') calls.rmSync(from, { recursive: true })
    else calls.renameSync(from, root + to)
    return ''
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

interface Standing {
  readonly type: string
  readonly opaque: boolean
  readonly mode: number
  readonly content: string
}
type Upper = Map<BytePath, Standing>

/** All that one layer holds, as its own form says it. */
function standingIn(layer: DirectoryLayer): Upper {
  const out: Upper = new Map()
  const visit = (dir: BytePath): void => {
    for (const { name } of layer.list(dir)) {
      const at = joinPath(dir, name)
      const node = layer.lookup(at)
      if (node === undefined) continue
      out.set(at, standing(layer, at))
      if (node !== 'whiteout' && node.type === 'directory') visit(at)
    }
  }
  visit('' as BytePath)
  return out
}

const WHITEOUT: Standing = { type: 'whiteout', opaque: false, mode: 0, content: '' }

function standing(layer: DirectoryLayer, at: BytePath): Standing {
  const node = layer.lookup(at)
  if (node === undefined || node === 'whiteout') return WHITEOUT
  return {
    type: node.type,
    opaque: node.type === 'directory' && layer.opaque(at),
    mode: node.type === 'symlink' ? 0 : node.mode,
    content:
      node.type === 'file'
        ? fs.readFileSync(path.join(layer.directory, at), 'utf8')
        : node.type === 'symlink'
          ? node.linkTarget
          : '',
  }
}

/** The upper layer after the predicted changes. */
function after(before: Upper, stack: LayerStack, { changes }: Prediction): Upper {
  const out = new Map(before)
  for (const change of changes) apply(out, stack, change)
  return out
}

function apply(upper: Upper, stack: LayerStack, change: UpperChange): void {
  const { path: at } = change
  const below = (): BytePath[] =>
    [...upper.keys()].filter((other) => other === at || other.startsWith(`${at}/`))
  const had = upper.get(at)
  switch (change.kind) {
    case 'copy-up':
      upper.set(at, { ...standing(stack.layers[change.from]!, at), opaque: false })
      return
    case 'make': {
      if ((had?.type === 'whiteout') !== (change.replaces === 'whiteout'))
        throw new Error(`no whiteout ${at}`)
      const mode = change.type === 'file' ? 0o644 : 0o755
      upper.set(at, { type: change.type, opaque: change.opaque, mode, content: '' })
      return
    }
    case 'change':
      // Of the top itself nothing is compared.
      if (at === '') return
      if (change.what === 'mode') upper.set(at, { ...had!, mode: NEW_MODE })
      else upper.set(at, { ...had!, content: WRITTEN + had!.content.slice(WRITTEN.length) })
      return
    case 'remove':
      if (had?.type !== change.type) throw new Error(`${at} is ${had?.type}`)
      for (const other of below()) upper.delete(other)
      return
    case 'whiteout':
      upper.set(at, WHITEOUT)
      return
    case 'opaque':
      upper.set(at, { ...had!, opaque: true })
      return
    case 'move': {
      const { to } = change
      const replaced = upper.get(to)?.type ?? 'nothing'
      if (replaced !== change.replaces)
        throw new Error(`${to}: ${replaced}, said ${change.replaces}`)
      for (const other of [...upper.keys()]) {
        if (other === to || other.startsWith(`${to}/`)) upper.delete(other)
      }
      for (const other of below()) {
        upper.set((to + other.slice(at.length)) as BytePath, upper.get(other)!)
        upper.delete(other)
      }
    }
  }
}

function text(upper: Upper, marks: boolean): string {
  return [...upper]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([at, { type, opaque, mode, content }]) =>
      [at, type, marks && opaque ? 'opaque' : '', mode.toString(8), JSON.stringify(content)].join(
        ' ',
      ),
    )
    .join('\n')
}

interface Trial {
  readonly dir: string
  readonly directories: string[]
  readonly attempt: Attempt
}

/** One that hides nothing is listed by the kernel as a name that is not there; no union of layers needs it. */
function withoutIdleWhiteouts(layers: readonly MemoryLayer[]): MemoryLayer['entries'][] {
  return layers.map(({ entries }, index) => {
    const below = mergeLayers(layers.slice(index + 1))
    const isIdle = (at: BytePath): boolean => below.lookup(at) === undefined
    return new Map([...entries].filter(([at, { type }]) => type !== 'whiteout' || !isIdle(at)))
  })
}

/** Predicts, lets `act` do it, compares. @returns the errno or the kinds of change, to be counted */
async function hold(
  trial: Trial,
  layers: readonly MemoryLayer[],
  form: LayerForm,
  act: (work: string) => Promise<string> | string,
): Promise<string> {
  const { dir, directories, attempt } = trial
  for (const [index, entries] of withoutIdleWhiteouts(layers).entries()) {
    writeLayer(directories[index]!, { entries }, form)
  }
  const work = path.join(dir, 'work')
  fs.mkdirSync(work, { recursive: true })
  try {
    let expected: string
    let prediction: Prediction
    // The kernel marks a directory opaque before it learns that it cannot move there; the mark hides nothing.
    let marks: boolean
    {
      using stack = new LayerStack(directories, { form })
      const search = new NameSearch(stack.layers)
      const { op, at, to } = attempt
      prediction = predict(search, op, at as BytePath, op === 'mv' ? (to as BytePath) : undefined)
      marks = prediction.refusal === undefined
      const below = mergeLayers(stack.layers.slice(1))
      for (const change of prediction.changes) {
        if (change.kind !== 'make' || !change.opaque) continue
        // Through a directory that is not merged nothing shows: there would be no whiteout to take the place of.
        const isDirectory = below.lookup(change.path)?.type === 'directory'
        if (isDirectory !== (change.hides === true)) throw new Error(`hides: ${change.hides}`)
      }
      expected = text(after(standingIn(stack.layers[0]!), stack, prediction), marks)
    }
    const errno = await act(work)
    const said = prediction.refusal?.errno ?? ''
    if (errno !== said) throw new Error(`predicted ${said || 'success'}, was ${errno || 'success'}`)
    using upper = new DirectoryLayer(directories[0]!, { form })
    const actual = text(standingIn(upper), marks)
    if (actual !== expected) throw new Error(`predicted\n${expected}\n\nbecame\n${actual}`)
    return said || prediction.changes.map(({ kind }) => kind).join(' ')
  } catch (error) {
    // The layers as they were: fast-check would print functions.
    const lines = layers.map((layer) =>
      [...layer.entries.values()].map(
        ({ path, type, opaque }) => `${path} ${type}${opaque ? ' opaque' : ''}`,
      ),
    )
    throw new Error(`${JSON.stringify({ form, attempt, lines })}\n${String(error)}`, {
      cause: error,
    })
  } finally {
    fs.rmSync(dir, { recursive: true, force: true })
  }
}

/** By hand, so that each refusal and each kind of change is met in every run: upper, lower, what is tried, what is told. */
const CASES: readonly (readonly [MemoryEntry[], MemoryEntry[], Attempt, string])[] = [
  [[], [file('d/f', 'old')], { op: 'write', at: '/d/f', to: '' }, 'copy-up copy-up change'],
  [[], [file('d/f')], { op: 'write', at: '/d/g', to: '' }, 'copy-up make change'],
  [[file('f', 'old')], [], { op: 'chmod', at: '/f', to: '' }, 'change'],
  [[whiteout('d')], [file('d/f')], { op: 'mkdir', at: '/d', to: '' }, 'make'],
  [[file('d/g')], [file('d/f')], { op: 'rm', at: '/d', to: '' }, 'remove whiteout'],
  [[file('d/g')], [], { op: 'rm', at: '/d', to: '' }, 'remove'],
  [
    [],
    [file('a'), file('d/f')],
    { op: 'mv', at: '/d/f', to: '/a' },
    'copy-up copy-up move whiteout',
  ],
  [[file('b/f')], [file('d/f')], { op: 'mv', at: '/b', to: '/d/b' }, 'copy-up opaque move'],
  [[whiteout('d')], [file('d/f')], { op: 'write', at: '/d/f', to: '' }, 'ENOENT'],
  [[], [file('f')], { op: 'mkdir', at: '/f/d', to: '' }, 'ENOTDIR'],
  [[], [directory('d')], { op: 'write', at: '/d', to: '' }, 'EISDIR'],
  [[], [file('f')], { op: 'mkdir', at: '/f', to: '' }, 'EEXIST'],
  [[], [directory('d')], { op: 'mv', at: '/d', to: '/e' }, 'EXDEV'],
  [[directory('e')], [file('d/f')], { op: 'mv', at: '/e', to: '/d' }, 'ENOTEMPTY'],
  [[directory('d')], [], { op: 'mv', at: '/d', to: '/d/e' }, 'EINVAL'],
  [[], [file('f')], { op: 'write', at: '/f/', to: '' }, 'EISDIR'],
  [[], [], { op: 'write', at: '/new/', to: '' }, 'EISDIR'],
  [[], [directory('d'), symlink('l', 'd')], { op: 'rm', at: '/l/', to: '' }, 'ENOTDIR'],
  [[], [symlink('l', 'none')], { op: 'rm', at: '/l/', to: '' }, 'ENOENT'],
  [[], [symlink('l', 'none')], { op: 'mkdir', at: '/l/', to: '' }, 'EEXIST'],
  [[], [directory('d')], { op: 'rm', at: '/d/.', to: '' }, 'EINVAL'],
  [[], [file('f')], { op: 'mv', at: '/f', to: '/g/' }, 'ENOTDIR'],
  [[directory('d')], [], { op: 'mv', at: '/d/', to: '/e/' }, 'opaque move'],
  [[symlink('l', 'l')], [], { op: 'chmod', at: '/l', to: '' }, 'ELOOP'],
]

async function eachCase(
  t: Test,
  carry: (layers: readonly MemoryLayer[], attempt: Attempt) => Promise<string>,
): Promise<void> {
  for (const [upper, lower, attempt, expected] of CASES) {
    const kinds = await carry([memoryLayer(...upper), memoryLayer(...lower)], attempt)
    t.equal(kinds, expected, `${attempt.op} ${attempt.at} ${attempt.to}`)
  }
}

for (const form of formsHere()) {
  t.test(`UnionFs does what was predicted, form ${form}`, async (t) => {
    const home = memoryDirectory(t)
    let run = 0
    const carry = async (layers: readonly MemoryLayer[], attempt: Attempt): Promise<string> => {
      const dir = path.join(home, String(run++))
      const directories = layers.map((_, index) => path.join(dir, `layer${index}`))
      return hold({ dir, directories, attempt }, layers, form, async (work) => {
        const [upperDirectory, ...rest] = directories
        const lowers = rest.map((directory) => new DirectoryLayer(directory, { form }))
        const upper = new DirectoryUpper(upperDirectory!, { form, work })
        const union = new UnionFs({ lowers: lowers.map((layer) => new DiskLayer(layer)), upper })
        try {
          return carryOut(fsAdapter(union), '', attempt)
        } finally {
          await union.close()
          for (const layer of lowers) layer.close()
        }
      })
    }
    await eachCase(t, carry)
    const property = fc.asyncProperty(layerStacks, attempts, async (layers, attempt) => {
      await carry(layers, attempt)
    })
    await fc.assert(property, { numRuns: RUNS })
  })
}

t.test('the kernel does what was predicted', { skip: await overlaySkip() }, async (t) => {
  const home = memoryDirectory(t)
  let run = 0
  const carry = async (layers: readonly MemoryLayer[], attempt: Attempt): Promise<string> => {
    // An overlay needs something below.
    if (layers.length < 2) return ''
    const dir = path.join(home, String(run++))
    const directories = layers.map((_, index) => path.join(dir, `layer${index}`))
    const merged = path.join(dir, 'merged')
    fs.mkdirSync(merged, { recursive: true })
    return hold({ dir, directories, attempt }, layers, 'trusted', async (work) => {
      const [upper, ...lowers] = directories
      await mountOverlay(
        {
          kind: 'overlay',
          lowers,
          shortLowers: lowers.map((lower) => path.basename(lower)),
          home: dir,
          upper: upper!,
          work,
          userxattr: false,
        },
        merged,
      )
      try {
        return carryOut(fs, merged, attempt)
      } finally {
        unmount(merged)
      }
    })
  }
  await eachCase(t, carry)
  const property = fc.asyncProperty(layerStacks, attempts, async (layers, attempt) => {
    await carry(layers, attempt)
  })
  await fc.assert(property, { numRuns: RUNS })
})
