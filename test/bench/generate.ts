// The generator's layers: the same for the same seed, and tars that hold what was asked for.

import { createHash } from 'node:crypto'
import zlib from 'node:zlib'
import t from 'tap'
import { filePath, layerEntries, type LayerShape } from '../../bench/generate.ts'
import { seededRandom } from '../../bench/random.ts'
import { readTar } from '../../src/tar/reader.ts'
import { writeTar } from '../../src/tar/writer.ts'

async function bytesOf(shape: LayerShape): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of writeTar(layerEntries(shape))) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

t.test('the same seed gives the same bytes, another gives others', async (t) => {
  const shape = { seed: 42, files: 120, fileBytes: 3000 }
  const first = sha256(await bytesOf(shape))
  t.equal(sha256(await bytesOf(shape)), first)
  t.not(sha256(await bytesOf({ ...shape, seed: 43 })), first)
  const two = [seededRandom(7), seededRandom(7)].map((random) => [
    random.integer(1000),
    random.fraction(),
  ])
  t.same(two[0], two[1])
})

t.test('a layer holds what was asked for', async (t) => {
  const below = { seed: 1, files: 10, fileBytes: 100 }
  const shape = { seed: 2, files: 200, fileBytes: 2000, removes: [filePath(below, 3)] }
  const types = new Map<string, number>()
  const seen = new Set<string>()
  const whiteouts: string[] = []
  for await (const { header } of readTar([await bytesOf(shape)])) {
    types.set(header.type, (types.get(header.type) ?? 0) + 1)
    const name = header.path.replace(/\/$/, '')
    const slash = name.lastIndexOf('/')
    if (slash > 0) t.ok(seen.has(name.slice(0, slash)), `${name} stands behind its directory`)
    if (header.type === 'hardlink') t.ok(seen.has(header.linkPath), 'a hardlink behind its target')
    if (name.slice(slash + 1).startsWith('.wh.')) whiteouts.push(name)
    seen.add(name)
  }
  t.equal(types.get('symlink'), 4)
  t.equal(types.get('hardlink'), 2)
  t.equal(types.get('file'), 200 - 4 - 2 + 1)
  t.same(whiteouts, [filePath(below, 3).replace('file-3', '.wh.file-3')])
})

t.test('exact sizes are exact', async (t) => {
  const shape = { seed: 3, files: 2, fileBytes: 1_500_001, exactSizes: true, filesOnly: true }
  const sizes: number[] = []
  for await (const { header } of readTar([await bytesOf(shape)]))
    if (header.type === 'file') sizes.push(header.sizeBytes)
  t.same(sizes, [1_500_001, 1_500_001])
})

t.test('compresses as programs do: neither noise nor zeros', async (t) => {
  const tar = await bytesOf({ seed: 4, files: 300, fileBytes: 8000 })
  const share = zlib.gzipSync(tar).length / tar.length
  t.ok(share > 0.3 && share < 0.6, `gzip takes it to ${share.toFixed(2)}`)
})
