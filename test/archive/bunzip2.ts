// Held against bzip2(1), which wrote what is read here.

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { bunzip2 } from '../../src/archive/bunzip2.ts'
import { unless } from '../support/host.ts'
import { sha256Text } from '../support/layer.ts'

/** `bzip2 -9` of five million zeros, then of `hello\n`, one behind the other. */
const ZEROS = 'QlpoOTFBWSZTWabi8/QAJkvAAsAACAAACCAAMMwFKaapEUbAoijxdyRThQkKbi8/QA=='
const HELLO = 'QlpoOTFBWSZTWcHAgOIAAAFBAAAQAkSgADDNAMNGKZcXckU4UJDBwIDi'

const skip = unless({ programs: ['bzip2'] })

function packed(plain: Uint8Array, ...flags: readonly string[]): Buffer {
  const done = spawnSync('bzip2', ['-c', ...flags], { input: plain, maxBuffer: 1 << 26 })
  if (done.status !== 0) throw new Error(String(done.stderr))
  return done.stdout
}

async function* inSteps(bytes: Uint8Array, step: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step)
}

async function plainOf(bytes: Uint8Array, step = 1 << 20): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of bunzip2(inSteps(bytes, step))) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

t.test('streams one behind the other', async (t) => {
  const plain = await plainOf(
    Buffer.concat([Buffer.from(ZEROS, 'base64'), Buffer.from(HELLO, 'base64')]),
    7,
  )
  const expected = Buffer.concat([Buffer.alloc(5_000_000), Buffer.from('hello\n')])
  t.equal(sha256Text(plain), sha256Text(expected))
})

t.test('a block of runs comes in pieces', async (t) => {
  let longest = 0
  let count = 0
  for await (const piece of bunzip2(inSteps(Buffer.from(ZEROS, 'base64'), 1 << 20))) {
    longest = Math.max(longest, piece.length)
    count += piece.length
  }
  t.equal(count, 5_000_000)
  t.ok(longest <= 256 << 10, `${longest} bytes at once`)
})

t.test('what bzip2 wrote comes back', { skip }, async (t) => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 2000 }),
    // Runs around the lengths at which they are coded otherwise.
    fc
      .array(fc.tuple(fc.constantFrom(0, 97, 255), fc.nat({ max: 600 })), { maxLength: 8 })
      .map((runs) => Buffer.concat(runs.map(([byte, length]) => Buffer.alloc(length, byte)))),
  )
  await fc.assert(
    fc.asyncProperty(bytes, fc.integer({ min: 1, max: 64 }), async (plain, step) =>
      (await plainOf(packed(plain, '-1'), step)).equals(plain),
    ),
    { numRuns: 100 },
  )
  for (const flag of ['-1', '-9']) {
    const plain = Buffer.concat([randomBytes(1_200_000), Buffer.from('layer '.repeat(100_000))])
    t.ok((await plainOf(packed(plain, flag))).equals(plain), `several blocks, ${flag}`)
  }
})

t.test('what is damaged is refused', async (t) => {
  const good = Buffer.from(HELLO, 'base64')
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bad = Buffer.from(good)
    bad[bit >> 3]! ^= 1 << (bit & 7)
    const plain = await plainOf(bad).catch((error: unknown) => error)
    // A few bits are of no meaning: padding at the end, a smaller or larger block size.
    const isRefused = plain instanceof Error
    t.ok(isRefused || Buffer.from('hello\n').equals(plain as Buffer), `bit ${bit}`)
  }
  for (let length = 1; length < good.length; length++) {
    await t.rejects(plainOf(good.subarray(0, length)), Error, `${length} bytes of it`)
  }
  await t.rejects(plainOf(Buffer.concat([good, Buffer.from('more')])), /no bzip2 stream/)
})

t.test('a run that is longer than any number', async (t) => {
  // One block: 31 digits of a run, each twice the one before it.
  const bytes = Buffer.from('QlpoOTFBWSZTWQAAAAAAAABAAEAAIABAUBQAAAAAsAAA', 'base64')
  await t.rejects(plainOf(bytes), /a run is longer/)
})
