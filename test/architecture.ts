// The rules of ARCHITECTURE.md that a machine can hold: which way imports go, what is fenced in, how files look.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { importsOf, sourcesOf, type Source } from './support/sources.ts'

/** Who may import whom: a folder sees what stands above it, never beside or below. */
const RANKS: readonly (readonly string[])[] = [
  ['errors.ts'],
  ['digest', 'path', 'reference', 'tar', 'tar-split', 'union', 'image'],
  ['sys'],
  ['archive'],
  // vfs merges a layer with its parent by the union that every view uses.
  ['view'],
  ['driver', 'unionfs'],
  ['store'],
  ['transfer', 'inspect'],
  ['volumes'],
  ['mounting', 'containers'],
  ['usage', 'explain'],
  // What judges an image looks at it as its users do: from an archive, from a store, mounted.
  ['lint', 'conform', 'lab'],
  // The store as one object, over the functions that do the work.
  ['library'],
  ['index.ts'],
]
const PURE = new Set([...RANKS[0]!, ...RANKS[1]!])

const sources = sourcesOf('src', 'cli')

/** `src/tar/header.ts` -> `tar`; `src/index.ts` -> `index.ts`. */
function partOf(file: string): string {
  return file.split('/')[1]!
}

function rankOf(part: string): number {
  return RANKS.findIndex((parts) => parts.includes(part))
}

t.test('the import reader sees every form that this code base uses', async (t) => {
  const text = [
    "import fs from 'node:fs'",
    "import { a,\n  b } from './b.ts'",
    "import type { C } from '../c.ts'",
    "export { d } from './d.ts'",
    "export * from './e.ts'",
    "import './f.ts'",
    "const g = await import('./g.ts')",
    "new Worker(new URL('./h.ts', import.meta.url))",
    "// import { x } from './comment.ts'",
    " * import { y } from './example.ts'",
  ].join('\n')
  const imports = importsOf({ file: 'src/tar/x.ts', text })
  t.same(
    imports.map((entry) => entry.target),
    [
      'node:fs',
      'src/tar/b.ts',
      'src/c.ts',
      'src/tar/d.ts',
      'src/tar/e.ts',
      'src/tar/f.ts',
      'src/tar/g.ts',
      'src/tar/h.ts',
    ],
  )
  t.same(
    imports.filter((entry) => entry.typeOnly).map((entry) => entry.specifier),
    ['../c.ts'],
  )
})

t.test('there is something to look at', async (t) => {
  const parts = new Set(sources.filter(isCore).map((source) => partOf(source.file)))
  for (const part of RANKS.flat()) t.ok(parts.has(part), `src/${part} exists`)
  t.ok(
    sources.some((source) => source.file === 'cli/main.ts'),
    'cli/main.ts exists',
  )
})

t.test('the code map names every folder', async (t) => {
  const map = fs.readFileSync(new URL('../../ARCHITECTURE.md', import.meta.url), 'utf8')
  for (const part of RANKS.flat().filter((part) => !part.endsWith('.ts')))
    t.ok(map.includes(`| \`src/${part}\` `), `src/${part}`)
})

t.test('what the library exports says what it is', async (t) => {
  const index = sources.find(({ file }) => file === 'src/index.ts')!.text
  const exported = [...index.matchAll(/^export \{([^}]+)\} from '\.\/([^']+)'/gm)].flatMap(
    ([, names, file]) =>
      names!.split(',').map((name) => ({ name: name.trim(), file: `src/${file!}` })),
  )
  const values = exported.filter(({ name }) => name !== '' && !name.startsWith('type '))
  t.ok(values.length > 100, `${values.length} functions, classes and constants`)
  const silent = values.filter(({ name, file }) => {
    const { text } = sources.find((source) => source.file === file)!
    const declared = new RegExp(`\\*/\\nexport (?:async )?(?:function\\*?|class|const) ${name}\\b`)
    return !declared.test(text)
  })
  t.same(silent, [])
})

function isCore(source: Source): boolean {
  return source.file.startsWith('src/')
}

t.test('imports go one way', async (t) => {
  const wrong: string[] = []
  for (const source of sources.filter(isCore)) {
    const part = partOf(source.file)
    if (rankOf(part) < 0) wrong.push(`${source.file}: src/${part} has no rank in this test`)
    for (const entry of importsOf(source)) {
      if (!entry.specifier.startsWith('.')) continue
      if (!entry.target.startsWith('src/')) {
        wrong.push(`${source.file} imports ${entry.target}`)
        continue
      }
      const other = partOf(entry.target)
      if (other === part) continue
      // The driver contract says what a layer's form is; those who write that form may read the words, not the code.
      const words = entry.typeOnly && entry.target === 'src/driver/driver.ts'
      if (words && ['sys', 'archive', 'view'].includes(part)) continue
      // The pure folders are one rank: values may refer to each other's types and functions.
      if (PURE.has(part) && PURE.has(other) && rankOf(other) <= rankOf(part)) continue
      if (rankOf(other) >= rankOf(part)) wrong.push(`${source.file} imports ${entry.target}`)
    }
  }
  t.same(wrong, [])
})

t.test('the command line sees the library through its index alone', async (t) => {
  const wrong: string[] = []
  for (const source of sources.filter((source) => !isCore(source)))
    for (const { specifier, target } of importsOf(source)) {
      if (!specifier.startsWith('.')) continue
      if (target.startsWith('cli/') || target === 'src/index.ts' || target === 'package.json')
        continue
      if (source.file.startsWith('cli/library/')) continue
      wrong.push(`${source.file} imports ${target}`)
    }
  t.same(wrong, [])
})

t.test(
  'the doors of cli/library lead to what the index offers, and hold nothing else',
  async (t) => {
    const index = sources.find(({ file }) => file === 'src/index.ts')!
    // The index gives the same store with all that one can do to it as methods, and those lead everywhere.
    const offered = new Set([...reExportsOf(index), 'openStore src/store/store.ts'])
    const doors = sources.filter(({ file }) => file.startsWith('cli/library/'))
    t.ok(doors.length > 0)
    const wrong: string[] = []
    for (const door of doors) {
      const names = reExportsOf(door)
      const rest = withoutComments(door.text).replace(RE_EXPORT, '').trim()
      if (names.length === 0 || rest !== '') wrong.push(`${door.file} holds ${rest || 'nothing'}`)
      for (const name of names) {
        const whole = name.replace(/^\w+/, '*')
        if (!offered.has(name) && !offered.has(whole)) wrong.push(`${door.file}: ${name}`)
      }
    }
    t.same(wrong, [])
  },
)

const RE_EXPORT = /^export (?:\*|\{([^}]*)\}) from '([^']+)'$/gm

/** `openStore src/store/store.ts`, `* src/errors.ts`. */
function reExportsOf({ file, text }: Source): string[] {
  return [...text.matchAll(RE_EXPORT)].flatMap(([, names, from]) => {
    const target = path.posix.join(path.posix.dirname(file), from!)
    const list = names === undefined ? ['*'] : names.split(',').map((name) => name.trim())
    return list.filter((name) => name !== '').map((name) => `${name} ${target}`)
  })
}

t.test('the pure core touches no host', async (t) => {
  const host = /\bprocess\.|\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\./
  const wrong: string[] = []
  for (const source of sources.filter(isCore)) {
    if (!PURE.has(partOf(source.file))) continue
    for (const { specifier } of importsOf(source))
      if (specifier.startsWith('node:') || specifier === 'fs-extra')
        wrong.push(`${source.file} imports ${specifier}`)
    const used = host.exec(withoutComments(source.text))
    if (used) wrong.push(`${source.file} uses ${used[0]}`)
  }
  t.same(wrong, [])
})

t.test('only src/sys calls the kernel or starts a program', async (t) => {
  const fenced = new Set(['koffi', 'node:child_process', 'child_process'])
  const wrong: string[] = []
  for (const source of sources) {
    if (source.file.startsWith('src/sys/')) continue
    for (const { specifier } of importsOf(source))
      if (fenced.has(specifier)) wrong.push(`${source.file} imports ${specifier}`)
  }
  t.same(wrong, [])
})

t.test('no folder for things that have no name', async (t) => {
  const nameless = /^(utils?|helpers?|common|shared|misc|lib|managers?)(\.ts)?$/
  const wrong = [...sources, ...sourcesOf('test', 'bench')]
    .flatMap(({ file }) => file.split('/').map((part) => ({ file, part })))
    .filter(({ part }) => nameless.test(part))
  t.same(
    wrong.map(({ file }) => file),
    [],
  )
})

t.test('a file holds one idea and says which', async (t) => {
  const linesMax = 500
  const wrong: string[] = []
  for (const { file, text } of sources) {
    const lines = text.split('\n').length - 1
    if (lines > linesMax) wrong.push(`${file} has ${lines} lines, of ${linesMax} at most`)
    const opening = text.startsWith('#!') ? text.slice(text.indexOf('\n') + 1) : text
    if (!/^(\/\/ |\/\*)/.test(opening)) wrong.push(`${file} does not open with a comment`)
  }
  t.same(wrong, [])
})

t.test('a test mirrors what it tests', async (t) => {
  const tested = [...sources, ...sourcesOf('bench')]
  const present = new Set(tested.map(({ file }) => file.replace(/^src\//, '')))
  const folders = new Set(
    [...present].map((file) => path.dirname(file)).filter((dir) => dir !== '.'),
  )
  const wrong: string[] = []
  for (const { file } of sourcesOf('test')) {
    const mirrored = file.replace(/^test\//, '')
    const dir = path.dirname(mirrored)
    if (/^(\.|support|suite|interop|property|hostile|fuzz)(\/|$)/.test(dir)) continue
    if (!folders.has(dir)) wrong.push(`${file}: neither src/${dir} nor ${dir} exists`)
  }
  t.same(wrong, [])
})

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')
}
