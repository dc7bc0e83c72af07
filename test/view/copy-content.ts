import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { copyContent } from '../../src/view/copy-content.ts'
import { temporaryDirectory } from '../support/temporary.ts'

t.test('the bytes, whatever way they take', async (t) => {
  const home = temporaryDirectory(t)
  const copy = (from: string, to: string, sizeBytes: number): number => {
    const source = fs.openSync(from, 'r')
    const target = fs.openSync(to, 'w')
    try {
      return copyContent(source, target, sizeBytes)
    } finally {
      fs.closeSync(source)
      fs.closeSync(target)
    }
  }
  for (const sizeBytes of [0, 1, 4096, (64 << 10) - 1, 64 << 10, (3 << 20) + 5]) {
    const from = path.join(home, `from${sizeBytes}`)
    const to = path.join(home, `to${sizeBytes}`)
    fs.writeFileSync(from, Buffer.alloc(sizeBytes, 'abcdefg'))
    t.equal(copy(from, to, sizeBytes), sizeBytes)
    t.ok(fs.readFileSync(to).equals(fs.readFileSync(from)))
  }
  const sparse: Record<string, [number, string][]> = {
    middle: [[1 << 30, 'data']],
    ends: [
      [0, 'a'],
      [2 ** 32, 'b'],
    ],
    none: [],
  }
  for (const [name, pieces] of Object.entries(sparse)) {
    const from = path.join(home, `sparse-${name}`)
    const to = path.join(home, `sparse-${name}-copy`)
    const sizeBytes = 2 ** 33
    const source = fs.openSync(from, 'w')
    fs.ftruncateSync(source, sizeBytes)
    for (const [at, text] of pieces) fs.writeSync(source, text, at)
    fs.closeSync(source)
    t.ok(copy(from, to, sizeBytes) >= 0)
    t.equal(fs.statSync(to).size, sizeBytes, name)
    t.ok(fs.statSync(to).blocks <= 4096, 'holes stay holes')
    const target = fs.openSync(to, 'r')
    for (const [at, text] of pieces) {
      const found = Buffer.alloc(text.length)
      fs.readSync(target, found, 0, text.length, at)
      t.equal(found.toString(), text)
    }
    fs.closeSync(target)
  }
  const proc = path.join(home, 'proc')
  t.ok(
    copy('/proc/self/status', proc, 1) > 100,
    'from a file system that cannot copy inside the kernel',
  )
  t.match(fs.readFileSync(proc, 'utf8'), /^Name:/)
  const short = path.join(home, 'short')
  fs.writeFileSync(short, 'abc')
  t.equal(copy(short, path.join(home, 'short-copy'), 10), 3, 'shorter than it was said to be')
  const directory = fs.openSync(home, 'r')
  const target = fs.openSync(path.join(home, 'x'), 'w')
  t.ok(copyContent(directory, target, 1) < 0, 'an errno where there is nothing to copy')
  fs.closeSync(directory)
  fs.closeSync(target)
})
