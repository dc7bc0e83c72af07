// A change of which one system call fails, by a full disk for instance: the merged tree is the old one or the new one, the
// union that was open knows which, and goes on as one that never failed. And a change in the midst of which its process is
// killed: the disk has the old tree or the new one.

import { withFailing, withoutDevices, type Failure } from '../support/failing-calls.ts'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { systemNow } from '../../src/sys/clock.ts'
import { MemoryUpper } from '../../src/union/memory-upper.ts'
import type { UpperLayer } from '../../src/union/upper-layer.ts'
import { setXattr } from '../../src/sys/xattr.ts'
import { UnionFs } from '../../src/unionfs/union-fs.ts'
import { DirectoryLayer } from '../../src/view/directory-layer.ts'
import { markForm, type DiskForm } from '../../src/view/disk-form.ts'
import { DirectoryUpper } from '../../src/view/upper/directory-upper.ts'
import { DiskLayer } from '../../src/view/upper/disk-layer.ts'
import { isRoot, unless } from '../support/host.ts'
import { latin1 } from '../support/layer-directory.ts'
import { memoryLayer } from '../support/memory-layer.ts'
import { memoryDirectory } from '../support/temporary.ts'
import {
  describeTree,
  perform,
  releaseHeld,
  withoutLinks,
  type Operation,
  type Subject,
} from '../support/union-operations.ts'
import { kept, sequences, type Sequence } from '../support/union-sequences.ts'
import { differences, unionSubject, writeLowers } from '../support/union-subjects.ts'

const { errno } = os.constants
const RUNS = 100
const KILLED_RUNS = 300
interface Case {
  readonly form: DiskForm
  readonly devices: boolean
  /** User and group of what is made; default: root's. */
  readonly id?: number
}

/** In the forms of an ordinary user whiteouts are devices where the kernel lets him make them, and attributes elsewhere. */
const CASES: readonly Case[] = [
  ...(isRoot ? [{ form: 'trusted', devices: true } as const] : []),
  // For somebody else than this process.
  ...(isRoot ? [{ form: 'trusted', devices: true, id: 1000 } as const] : []),
  { form: 'user', devices: true },
  { form: 'user', devices: false },
  { form: 'plain', devices: true },
  { form: 'plain', devices: false },
  { form: 'none', devices: false },
]

const failure: fc.Arbitrary<Failure> = fc.oneof(
  fc.record({
    kind: fc.constant('change' as const),
    nth: fc.integer({ min: 0, max: 5 }),
    code: fc.constantFrom('ENOSPC' as const, 'EIO' as const),
  }),
  fc.record({
    kind: fc.constant('question' as const),
    nth: fc.integer({ min: 0, max: 12 }),
    code: fc.constantFrom('EIO' as const, 'EMFILE' as const),
  }),
)

const points = fc.array(failure, { minLength: 1, maxLength: 7 })

/** Where the lower directory would be back with all that was removed from it, without a moment in between. */
const EMPTIED = (['rmdir', 'rename'] as const).map((kind): Sequence => {
  const step = (what: Operation['kind'], at: string, to = at): Operation => ({
    kind: what,
    at,
    to,
    n: 0,
  })
  const made = kind === 'rename' ? [step('mkdir', 'new')] : []
  const end = kind === 'rename' ? step(kind, 'new', 'd') : step(kind, 'd')
  const layer = memoryLayer(
    { path: 'd', type: 'directory', opaque: false },
    { path: 'd/x', type: 'file', content: 'x' },
  )
  return { layers: [layer], salt: 0, operations: [step('unlink', 'd/x'), ...made, end] }
})
const KILLED_EXAMPLES = EMPTIED.flatMap((sequence) =>
  [1, 2, 3, 4].map((nth) => [sequence, nth] as [Sequence, number]),
)

t.setTimeout(300_000)

/** What a form has a way to keep. */
function keptIn(form: DiskForm, operations: readonly Operation[]): Operation[] {
  const all = kept(operations, { form })
  if (form === 'none') return all.filter(({ kind }) => !/chmod|create/i.test(kind))
  // Whose a link is, only the disk can tell.
  return form === 'plain' && !isRoot ? all.filter(({ kind }) => kind !== 'symlink') : all
}

/** Those that are more than one step by nature, or look at a file that is open. */
function isOneStep({ kind }: Operation): boolean {
  return !/^(?:write|append|truncate|h[eo]ld)/.test(kind)
}

const NEVER: Failure = { kind: 'change', nth: 0, code: 'EIO' }

interface Opened {
  readonly union: UnionFs
  readonly subject: Subject
  readonly tree: () => Map<string, string>
}

function open(lowers: readonly string[], { form, id = 0 }: Case, upper?: UpperLayer): Opened {
  const layers = lowers.map((lower) => new DirectoryLayer(lower, { form }))
  const union = new UnionFs(
    { lowers: layers.map((layer) => new DiskLayer(layer)), upper },
    {
      onClose: () => layers.forEach((layer) => layer.close()),
      creator: { uid: id, gid: id },
    },
  )
  const subject = unionSubject(union)
  // A parent that was copied up stays so when what follows fails: no change, but its links are no longer its layer's.
  const tree = (): Map<string, string> =>
    new Map([...describeTree(subject, -Infinity)].map(([at, text]) => [at, withoutLinks(text)]))
  return { union, subject, tree }
}

function twinOf(lowers: readonly string[], which: Case): Opened {
  const root = which.form === 'plain' ? { uid: process.geteuid!(), gid: process.getegid!() } : {}
  return open(lowers, which, new MemoryUpper(systemNow, root))
}

/** The same layers twice: changes in a directory, of which calls fail, and in memory, where nothing does. */
async function compare(
  home: string,
  which: Case,
  { layers, operations }: Sequence,
  failures: readonly Failure[],
): Promise<number> {
  const { form, devices } = which
  const at = (name: string): string => path.join(home, name)
  const lowers = layers.map((_, index) => at(`lower${index}`))
  for (const directory of [...lowers, at('upper'), at('work')]) fs.mkdirSync(directory)
  writeLowers(lowers, layers, markForm(form))
  const ours = open(lowers, which, new DirectoryUpper(at('upper'), { form, work: at('work') }))
  const twin = twinOf(lowers, which)
  let failed = 0
  withoutDevices(!devices)
  try {
    for (const [index, operation] of keptIn(form, operations).entries()) {
      const failure = isOneStep(operation) ? failures[index % failures.length]! : NEVER
      const { kind, nth, code } = failure
      const step = withFailing(failure, () => perform(ours.subject, operation))
      const what = `operation ${index} ${JSON.stringify(operation)}, ${kind} ${nth} fails with ${code}: ${step.result}`
      const isUndone = step.failed && [code, `errno ${errno[code]}`].includes(step.result)
      if (!isUndone) {
        const expected = perform(twin.subject, operation)
        if (withoutLinks(step.result) !== withoutLinks(expected))
          throw new Error(`${what}, the twin ${expected}`)
      }
      if (!step.failed) continue
      // Of what was done already, the answer alone may fail.
      if (isUndone && kind === 'question' && differences(twin.tree(), ours.tree()).length > 0)
        perform(twin.subject, operation)
      failed++
      same(twin.tree(), ours.tree(), `${what}\nis half-way`)
      const fresh = open([at('upper'), ...lowers], which)
      same(fresh.tree(), ours.tree(), `${what}\nis not as on the disk`)
      await fresh.union.close()
    }
    same(twin.tree(), ours.tree(), 'at the end')
    return failed
  } finally {
    withoutDevices(false)
    for (const { subject, union } of [ours, twin]) {
      releaseHeld(subject)
      await union.close()
    }
  }
}

/** Those that change something, in one step. */
const CHANGES =
  /^(?:create|mkdir|fifo|link|symlink|rmdir|unlink|rename|noreplace|exchange|chmod|chown|lchown|utimes|setxattr|removexattr)$/

/** The last of the operations that changes something is the one that is cut short. @returns whether it was */
async function crash(
  home: string,
  which: Case,
  { layers, operations }: Sequence,
  nth: number,
): Promise<boolean> {
  const { form, devices } = which
  const [upper, work] = [path.join(home, 'upper'), path.join(home, 'work')]
  const lowers = layers.map((_, index) => path.join(home, `lower${index}`))
  for (const directory of [...lowers, upper, work]) fs.mkdirSync(directory)
  writeLowers(lowers, layers, markForm(form))
  const list = keptIn(form, operations).filter(isOneStep)
  const twin = twinOf(lowers, which)
  const results = list.map((operation) => perform(twin.subject, operation))
  await twin.union.close()
  const at = list.findLastIndex(({ kind }, i) => CHANGES.test(kind) && !results[i]!.startsWith('E'))
  if (at < 0) return false
  const [last] = list.splice(at)
  const trees: Map<string, string>[] = []
  withoutDevices(!devices)
  try {
    const ours = open(lowers, which, new DirectoryUpper(upper, { form, work }))
    for (const operation of list) perform(ours.subject, operation)
    trees.push(ours.tree())
    const step = withFailing({ kind: 'change', nth, code: 'EIO', isLast: true }, () =>
      perform(ours.subject, last!),
    )
    await ours.union.close()
    if (!step.failed) return false
    const left = open([upper, ...lowers], which)
    const found = left.tree()
    await left.union.close()
    const whole = twinOf(lowers, which)
    for (const operation of [...list, last!]) perform(whole.subject, operation)
    trees.push(whole.tree())
    await whole.union.close()
    const wrong = trees.map((tree) => differences(tree, found))
    if (wrong.every((lines) => lines.length > 0)) {
      const [old, done] = wrong.map((lines) => lines.join('\n'))
      throw new Error(`${JSON.stringify(last)}, killed at change ${nth}\nold ${old}\nnew ${done}`)
    }
    return true
  } finally {
    withoutDevices(false)
  }
}

function same(expected: Map<string, string>, actual: Map<string, string>, what: string): void {
  const lines = differences(expected, actual)
  if (lines.length > 0) throw new Error(`${what}\n${lines.join('\n')}`)
}

for (const which of CASES) {
  const { form, devices, id } = which
  const what = `form ${form}${devices ? '' : ', no devices'}${id === undefined ? '' : `, for ${id}`}`
  // Whiteouts of lower layers are devices here in all forms.
  t.test(what, { skip: unless({ devices: true }) }, async (t) => {
    const parent = memoryDirectory(t)
    const isMarked = markForm(form) === 'user'
    if (isMarked && setXattr(latin1(parent), 'user.shale', Buffer.from('y')) < 0) {
      t.comment('skipped: no user xattrs here')
      return
    }
    let failed = 0
    await fc.assert(
      fc.asyncProperty(sequences, points, async (sequence, failures) => {
        const home = fs.mkdtempSync(path.join(parent, 'run-'))
        try {
          failed += await compare(home, which, { ...sequence, salt: 0 }, failures)
        } finally {
          fs.rmSync(home, { recursive: true, force: true })
        }
      }),
      { numRuns: RUNS },
    )
    t.ok(failed > RUNS / 10, `${failed} changes failed`)
    // An ordinary user before Linux 5.8 has no RENAME_WHITEOUT either, and a rename takes two steps.
    if (!devices && form !== 'none') return
    let killed = 0
    await fc.assert(
      fc.asyncProperty(sequences, fc.integer({ min: 1, max: 4 }), async (sequence, nth) => {
        const home = fs.mkdtempSync(path.join(parent, 'run-'))
        try {
          if (await crash(home, which, { ...sequence, salt: 0 }, nth)) killed++
        } finally {
          fs.rmSync(home, { recursive: true, force: true })
        }
      }),
      { numRuns: KILLED_RUNS, examples: KILLED_EXAMPLES },
    )
    t.ok(killed >= 10, `${killed} changes were cut short`)
  })
}
