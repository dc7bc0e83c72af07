// Large lower files by FUSE, which go past the server's memory: whole and in part, with ends that no page has, and while
// somebody copies one up.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { fuseUnavailable, unmountFuse } from '../../../src/sys/fuse-device.ts'
import { mountByFuse } from '../../../src/view/fuse/mount-fuse.ts'
import { isRoot } from '../../support/host.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

const skip = fuseUnavailable(isRoot) ?? false
const SIZES_BYTES = [65_535, 65_536, 65_537, 131_072, 1_048_575, 1_048_577, 3_000_001]

function bytesOf(sizeBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(sizeBytes)
  for (let i = 0; i < sizeBytes; i++) bytes[i] = (i * 31 + (i >> 12)) & 0xff
  return bytes
}

t.test('large lower files come as they are', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const [lower, upper, merged] = ['lower', 'upper', 'merged'].map((name) =>
    path.join(dir, name),
  ) as [string, string, string]
  for (const made of [lower, upper, `${upper}/diff`, `${upper}/work`, merged]) fs.mkdirSync(made)
  for (const size of SIZES_BYTES) fs.writeFileSync(path.join(lower, `f${size}`), bytesOf(size))
  fs.writeFileSync(path.join(lower, 'hollow'), '')
  fs.truncateSync(path.join(lower, 'hollow'), 1_000_003)
  await mountByFuse({
    target: merged,
    form: isRoot ? 'trusted' : 'user',
    lowers: [lower],
    upper: { directory: `${upper}/diff`, work: `${upper}/work` },
  })
  t.teardown(() => unmountFuse(merged, { lazy: true }))
  for (const size of SIZES_BYTES) {
    t.ok(fs.readFileSync(path.join(merged, `f${size}`)).equals(bytesOf(size)), `${size} bytes`)
  }
  t.ok(fs.readFileSync(path.join(merged, 'hollow')).equals(Buffer.alloc(1_000_003)), 'a hole')

  const size = 3_000_001
  const name = path.join(merged, `f${size}`)
  const expected = bytesOf(size)
  const reader = fs.openSync(name, 'r')
  t.teardown(() => fs.closeSync(reader))
  const part = Buffer.alloc(500_000)
  for (const at of [1, 4095, 1_000_003, size - 499_999, size - 1]) {
    const length = fs.readSync(reader, part, 0, part.length, at)
    t.ok(part.subarray(0, length).equals(expected.subarray(at, at + part.length)), `from ${at}`)
  }
  const writer = fs.openSync(name, 'r+')
  fs.writeSync(writer, 'changed', 2_000_000)
  fs.ftruncateSync(writer, 2_500_000)
  fs.closeSync(writer)
  expected.write('changed', 2_000_000)
  const all = Buffer.alloc(size)
  const length = fs.readSync(reader, all, 0, size, 0)
  t.ok(
    all.subarray(0, length).equals(expected.subarray(0, 2_500_000)),
    'a reader follows a copy-up',
  )
})
