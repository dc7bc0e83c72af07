// Tars that are nearly right, by a seed: small ones of every form, changed by the fuzzer's hand, with their checksums
// set right so that the change is read.

import type { BytePath } from '../../../src/path/byte-path.ts'
import { seedsOf } from '../fuzz/corpus-files.ts'
import { mutate } from '../fuzz/mutate.ts'
import { Random } from '../fuzz/random.ts'
import { targetNamed } from '../fuzz/targets.ts'
import { editTar, withChecksums } from '../fuzz/tar-edits.ts'
import { dir, file, layerTar, link, symlink } from '../layer.ts'
import { block, extension, GNU_MAGIC, padded, paxRecords, ZERO_BLOCKS } from '../tars.ts'

const BYTES_MAX = 1 << 14
const octal = (value: number): string => `${value.toString(8).padStart(11, '0')}\0`

/** An old GNU map of two pieces of 512 bytes in a file of 4096. */
const GNU_SPARSE = {
  386: `${octal(0)}${octal(512)}${octal(3584)}${octal(512)}`,
  483: octal(4096),
}

const SEEDS: readonly Buffer[] = [
  layerTar(
    dir('d'),
    file('d/f', 'content\n'),
    symlink('s', 'd/f'),
    link('h', 'd/f'),
    file('e'),
    file('last', 'x'),
  ),
  layerTar(
    file('x'.repeat(160), 'long', { xattrs: new Map([['user.a', Buffer.from('b')]]) }),
    symlink('l', 't'.repeat(130)),
    file(`${'p'.repeat(90)}/${'n'.repeat(60)}`, 'prefix', { mtimeNs: 1_500_000_001n }),
    file('last', 'x'.repeat(600)),
  ),
  layerTar({ path: '\xc3\xa9' as BytePath, body: Buffer.from('x') }, file('last', 'y')),
  Buffer.concat([
    extension('L', `${'n'.repeat(120)}\0`),
    extension('K', `${'t'.repeat(120)}\0`),
    block({ name: 'n', type: '2', link: 't', magic: GNU_MAGIC }),
    block({ name: 'd/', type: '5', magic: GNU_MAGIC }),
    block({ name: 'd/f', size: 600, magic: GNU_MAGIC }),
    padded('f'.repeat(600)),
    block({
      name: 'dev',
      type: '3',
      magic: GNU_MAGIC,
      patch: { 329: '0000001\0', 337: '0000003\0' },
    }),
    ZERO_BLOCKS,
  ]),
  Buffer.concat([
    block({ name: 'v7', size: 3, type: '\0', magic: '\0\0\0\0\0\0\0\0' }),
    padded('abc'),
    block({ name: 'v7d/', type: '\0', magic: '\0\0\0\0\0\0\0\0' }),
    block({ name: 'v7l', type: '1', link: 'v7', magic: '\0\0\0\0\0\0\0\0' }),
    block({ name: 'last', size: 1 }),
    padded('x'),
    ZERO_BLOCKS,
  ]),
  Buffer.concat([
    block({ name: 'sparse', type: 'S', magic: GNU_MAGIC, size: 1024, patch: GNU_SPARSE }),
    padded('s'.repeat(1024)),
    extension(
      'x',
      paxRecords({
        'GNU.sparse.major': '0',
        'GNU.sparse.minor': '1',
        'GNU.sparse.name': 'pax',
        'GNU.sparse.size': '2048',
        'GNU.sparse.numblocks': '1',
        'GNU.sparse.map': '512,512',
      }),
    ),
    block({ name: 'GNUSparseFile.1/pax', size: 512 }),
    padded('p'.repeat(512)),
    block({ name: 'last', size: 1 }),
    padded('x'),
    ZERO_BLOCKS,
  ]),
  Buffer.concat([
    extension('g', paxRecords({ comment: 'c' })),
    extension('x', paxRecords({ size: '5', path: 'p', mtime: '1.5' })),
    block({ name: 'q', size: 5 }),
    padded('12345'),
    block({ name: 'fifo', type: '6' }),
    ZERO_BLOCKS,
  ]),
]

/** The same ones for the same seed, as long as fixtures/fuzz stays the same. */
export function* mutatedTars(count: number, seed: number): Generator<Buffer> {
  const random = new Random(seed)
  const found = [...seedsOf(targetNamed('tar')), ...seedsOf(targetNamed('layer'))]
  const seeds = [...SEEDS, ...SEEDS, ...found.filter(({ length }) => length <= BYTES_MAX)]
  const options = { words: [], others: seeds, bytesMax: BYTES_MAX }
  for (let i = 0; i < count; i++) {
    let tar = random.pick(seeds)
    for (let left = 1 + random.below(2); left > 0; left--) tar = editTar(tar, random)
    if (random.once(5)) tar = mutate(tar, random, options)
    yield withChecksums(tar, random).subarray(0, BYTES_MAX)
  }
}
