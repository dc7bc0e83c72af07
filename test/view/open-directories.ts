// How many directories a layer keeps open, which ones, and that none is left: by the process's own table of descriptors.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { BytePath } from '../../src/path/byte-path.ts'
import { ERRNO } from '../../src/sys/errno.ts'
import { mkdirAt, removeTree } from '../../src/sys/file-calls.ts'
import { OpenDirectories, openShare } from '../../src/view/open-directories.ts'

const MAX = 3

t.test('the ones asked about last', async (t) => {
  const top = t.testdir({
    a: { sub: {} },
    b: {},
    c: {},
    d: {},
    file: '',
    link: t.fixture('symlink', 'a'),
  })
  const root = fs.openSync(top, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  const openNow = (): string[] =>
    fs
      .readdirSync('/proc/self/fd')
      .flatMap((fd) => {
        try {
          return [path.relative(top, fs.readlinkSync(`/proc/self/fd/${fd}`))]
        } catch {
          return []
        }
      })
      .filter((name) => name !== '' && !name.startsWith('..'))
      .sort()
  const directories = new OpenDirectories<string>(root, MAX)
  const open = (name: string): number => {
    const found = directories.open(name as BytePath)
    return typeof found === 'number' ? found : found.fd
  }
  t.teardown(() => {
    directories.close()
    fs.closeSync(root)
  })

  t.equal(open(''), root, 'the top is the caller’s')
  const a = open('a')
  t.equal(open('a'), a)
  open('b')
  open('c')
  t.same(openNow(), ['a', 'b', 'c'])
  t.equal(open('a'), a, 'used again')
  open('d')
  t.same(openNow(), ['a', 'c', 'd'], 'the one that was used longest ago is closed')
  t.equal(open('file'), -ERRNO.ENOTDIR)
  t.equal(open('none'), -ERRNO.ENOENT)
  t.ok(open('link') < 0, 'no symlink')
  t.same(openNow(), ['a', 'c', 'd'], 'what cannot be opened takes no place')

  open('a/sub')
  const found = directories.open('a' as BytePath)
  if (typeof found === 'number') throw new Error(String(found))
  found.fact = 'known'
  directories.forgetFacts()
  t.equal(found.fact, undefined)
  directories.forgetBelow('a' as BytePath)
  t.same(openNow(), ['d'], 'a directory that is gone goes with all below it')
  fs.rmSync(path.join(top, 'a'), { recursive: true })
  t.equal(open('a'), -ERRNO.ENOENT, 'and is not answered from memory')
  directories.close()
  t.same(openNow(), [])
})

t.test('many layers share what a process may have', async (t) => {
  for (const layers of [1, 2, 16, 125, 500]) {
    t.ok(openShare(layers) >= 2, 'the two of a rename')
    t.ok(layers > 125 || openShare(layers) * layers <= 512)
  }
  t.ok(openShare(1) > openShare(125))
})

t.test('a path that is longer than one call takes', async (t) => {
  const top = t.testdir({})
  const root = fs.openSync(top, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  const directories = new OpenDirectories<string>(root)
  // Of several lengths, so that a piece ends in each place of a name.
  const names = Array.from({ length: 81 }, (_, depth) => 'd'.repeat(194 + (depth % 7)))
  const pathOf = (depth: number): BytePath => names.slice(0, depth).join('/') as BytePath
  const descriptor = (at: BytePath): number => {
    const found = directories.open(at)
    return typeof found === 'number' ? found : found.fd
  }
  try {
    for (const [depth, name] of names.entries()) {
      const made = mkdirAt(descriptor(pathOf(depth)), name, 0o755)
      if (made < 0) t.fail(`level ${depth}: ${made}`)
    }
    const deepest = pathOf(names.length)
    t.ok(deepest.length > 15_000)
    const marked = mkdirAt(descriptor(deepest), 'marker', 0o755)
    t.equal(marked, 0)
    directories.close()
    const again = descriptor(deepest)
    t.equal(mkdirAt(again, 'marker', 0o755), -ERRNO.EEXIST, 'the same one, at once')
    const open = fs.readdirSync('/proc/self/fd').length
    t.equal(descriptor(`${deepest}/none` as BytePath), -ERRNO.ENOENT)
    const tooDeep = `${deepest}${'/marker'.repeat(200)}` as BytePath
    t.equal(descriptor(tooDeep), -ERRNO.ENAMETOOLONG)
    for (const start of ['', `${names[0]}/`]) {
      const one = `${start}${'x'.repeat(5000)}` as BytePath
      t.equal(descriptor(one), -ERRNO.ENAMETOOLONG, 'a name that can be nowhere')
    }
    t.equal(fs.readdirSync('/proc/self/fd').length, open, 'no piece stays open')
  } finally {
    directories.close()
    // Whoever removes what tests leave may go by paths.
    t.equal(removeTree(root, names[0]!), 0)
    fs.closeSync(root)
  }
})
