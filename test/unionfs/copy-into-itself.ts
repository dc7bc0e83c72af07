// cp of a directory to itself, into itself and over its own parent, however that is said: beside node:fs in a real
// directory, which is at the same place, so that the paths of errors are the same.

import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { fsAdapter } from '../../src/unionfs/fs-adapter.ts'
import { openUnion } from '../../src/unionfs/open-union.ts'
import { isRoot } from '../support/host.ts'
import { describePlace } from '../support/odd-calls.ts'
import { memoryDirectory } from '../support/temporary.ts'

const RUNS = Number(process.env['SHALE_UNION_RUNS'] ?? 400)
/** Node's releases find other errors first. */
const is20 = process.versions.node.startsWith('20.')
const skip = (!is20 && "held against Node 20's calls") || (!isRoot && 'held against root’s calls')

type Calls = typeof fs.promises
type Options = fs.CopyOptions & fs.CopySyncOptions

const DIRECTORY = ['a', 'a/b', 'a/b/c', 'to-a', 'to-b', 'e']
const PLACES = [...DIRECTORY, 'a/f', 'a/b/g', 'new', 'a/new', 'to-a/new']
const place = fc
  .tuple(
    fc.constantFrom(...PLACES),
    fc.constantFrom('', '', '', '/', '/.', '/..', '/../', '/../..', '/x', '/../a', '//'),
  )
  .map((parts) => parts.join(''))
const options: fc.Arbitrary<Options> = fc.record({
  // All that is told here is told before; a copy that Node lets grow into itself has no end.
  recursive: fc.constant(false),
  dereference: fc.boolean(),
  force: fc.boolean(),
  errorOnExist: fc.boolean(),
})

/** No link leads up: how deep a copy without end gets is in the order of a directory, too. */
function makeTree(root: string): void {
  fs.mkdirSync(path.join(root, 'a/b/c'), { recursive: true })
  fs.mkdirSync(path.join(root, 'e'))
  for (const file of ['a/f', 'a/b/g']) fs.writeFileSync(path.join(root, file), file)
  for (const [name, target] of Object.entries({
    'to-a': 'a',
    'to-b': 'a/b',
  })) {
    fs.symlinkSync(target, path.join(root, name))
  }
}

/** Without the errno: Node's cpSync and cp give two of them for one code. */
async function outcome(copy: () => Promise<void> | void): Promise<unknown> {
  try {
    await copy()
    return 'done'
  } catch (error) {
    const { name, code, message, syscall, path, dest } = error as NodeJS.ErrnoException & {
      dest?: string
    }
    return { name, code, message, syscall, path, dest }
  }
}

/** Why it cannot be looked at; undefined where it can. */
function codeOf(place: string, { dereference }: Options): string | undefined {
  try {
    if (dereference === true) fs.statSync(place)
    else fs.lstatSync(place)
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

/** Without times: a copy has those of the moment it was made. */
async function treeOf(calls: Calls, root: string): Promise<string> {
  const lines = await describePlace(calls, Buffer.from(root))
  return lines.map((line) => line.replace(/ (?:now|\d{15,})$/, '')).join('\n')
}

t.test('a copy onto itself, into itself and over its parent', { skip }, async (t) => {
  const umask = process.umask(0o022)
  t.teardown(() => process.umask(umask))
  const home = memoryDirectory(t)
  const [real, lower] = [path.join(home, 'real'), path.join(home, 'lower')]
  makeTree(`${lower}${real}`)
  const property = fc.asyncProperty(
    place,
    place,
    options,
    fc.boolean(),
    async (a, b, how, sync) => {
      fs.rmSync(real, { recursive: true, force: true })
      makeTree(real)
      await using union = openUnion({ lowers: [lower], upper: 'memory' })
      const [from, to] = [`${real}/${a}`, `${real}/${b}`]
      const copied = (calls: Calls, all: Pick<typeof fs, 'cpSync'>): Promise<unknown> =>
        outcome(() => (sync ? all.cpSync(from, to, how) : calls.cp(from, to, how)))
      const ours = union as unknown as Calls
      const adapter: unknown = fsAdapter(union)
      // Node's cp asks for both at once, and says what is wrong with the one that is answered first; its cpSync does not.
      const isEither =
        !sync && codeOf(from, how) !== undefined && ![undefined, 'ENOENT'].includes(codeOf(to, how))
      const expected = isEither
        ? await outcome(() => fs.cpSync(from, to, how))
        : await copied(fs.promises, fs)
      const found = await copied(ours, adapter as typeof fs)
      const call = `cp${sync ? 'Sync' : ''} ${a} ${b} ${JSON.stringify(how)}`
      const said = [expected, found].map((each) => JSON.stringify(each))
      if (said[0] !== said[1])
        throw new Error(`${call}\nnode:fs says ${said[0]}\nwe say ${said[1]}`)
      // Half a copy is in the order of a directory, which is each file system's own.
      if (found !== 'done') return
      const trees = [await treeOf(fs.promises, real), await treeOf(ours, real)]
      if (trees[0] !== trees[1])
        throw new Error(`${call}\nnode:fs leaves ${trees[0]}\nwe leave ${trees[1]}`)
    },
  )
  const seed = Number(process.env['SHALE_UNION_SEED'] ?? 1)
  await fc.assert(property, {
    numRuns: RUNS,
    seed,
    examples: [true, false].flatMap((sync): [string, string, Options, boolean][] => [
      ['a', 'a/..', { recursive: true, dereference: true }, sync],
      ['a', 'a/', { recursive: true }, sync],
      ['a', 'to-a', { recursive: true, dereference: true }, sync],
      ['a', 'to-a/new', { recursive: true, force: false }, sync],
      ['to-a', 'a/b/new', { recursive: true, dereference: true, errorOnExist: true }, sync],
    ]),
  })
  t.pass(`${RUNS} runs`)
})

t.test('a copy that grows into itself ends where its path is too long', { skip }, async (t) => {
  const home = memoryDirectory(t)
  const how = { recursive: true, dereference: true }
  // Of the shortest name come the most directories: more than Node's cpSync and rmSync have stack for, so it has no oracle.
  for (const [name, hasOracle] of [
    ['link-name', true],
    ['l', false],
  ] as const) {
    const [real, lower] = [path.join(home, name), path.join(home, `lower-${name}`)]
    // One entry in each directory, so that the order of a directory has no part in it.
    for (const root of [real, `${lower}${real}`]) {
      for (const each of ['from', 'to']) fs.mkdirSync(path.join(root, each), { recursive: true })
      fs.symlinkSync('../to', path.join(root, 'from', name))
    }
    const [from, to] = [`${real}/from`, `${real}/to`]
    // Not its cp, which asks for both places at once: either may be the one that it says is too long.
    const expected = hasOracle && (await outcome(() => fs.cpSync(from, to, how)))
    for (const sync of [false, true]) {
      await using union = openUnion({ lowers: [lower], upper: 'memory' })
      const adapter = fsAdapter(union)
      const found = await outcome(() =>
        sync ? adapter.cpSync(from, to, how) : union.cp(from, to, how),
      )
      const call = `${sync ? 'cpSync' : 'cp'} ${name}`
      t.match(found, { code: 'ENAMETOOLONG', syscall: 'stat' }, call)
      if (expected !== false) t.same(found, expected, call)
    }
  }
})
