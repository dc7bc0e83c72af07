import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { pathFromText } from '../../src/path/byte-path.ts'
import { findFile } from '../../src/transfer/members.ts'
import { TarMembers } from '../../src/transfer/tar-members.ts'
import { DEFAULT_LOAD_LIMITS } from '../../src/archive/limits.ts'
import { has } from '../support/host.ts'
import { fifo, file, layerTar, link, symlink, type LayerEntryInit } from '../support/layer.ts'
import { block, GNU_MAGIC, ZERO_BLOCKS } from '../support/tars.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const directory = temporaryDirectory(t)
let count = 0

function index(tar: Uint8Array, membersMax: number = DEFAULT_LOAD_LIMITS.membersMax): TarMembers {
  const at = path.join(directory, `${count++}.tar`)
  fs.writeFileSync(at, tar)
  return TarMembers.read(at, 'x.tar', { ...DEFAULT_LOAD_LIMITS, membersMax })
}

function content(members: TarMembers, name: string): string | undefined {
  const member = members.get(pathFromText(name))
  if (member?.kind !== 'file') return member?.kind
  const { file, offset, sizeBytes } = member.range
  return fs.readFileSync(file).toString('latin1', offset, offset + sizeBytes)
}

t.test('ranges are where the bytes are', async () => {
  const body = fc.uint8Array({ maxLength: 100_000, size: 'max' })
  fc.assert(
    fc.property(fc.array(body, { maxLength: 6 }), (bodies) => {
      const members = index(layerTar(...bodies.map((bytes, i) => file(`f${i}`, bytes))))
      for (const [i, bytes] of bodies.entries()) {
        assert.equal(content(members, `f${i}`), Buffer.from(bytes).toString('latin1'))
      }
    }),
    { numRuns: 20 },
  )
})

t.test('bodies are stepped over', async (t) => {
  // A hole of 3 GiB between two members: read through, it would take seconds and show in the reads.
  const at = path.join(directory, 'large.tar')
  const sizeBytes = 3 * 2 ** 30
  const fd = fs.openSync(at, 'w')
  fs.writeSync(fd, block({ name: 'large', size: sizeBytes }))
  const last = layerTar(file('last', 'bytes'))
  fs.writeSync(fd, last, 0, last.length, 512 + sizeBytes)
  fs.closeSync(fd)
  const real = fs.readSync
  let readBytes = 0
  fs.readSync = ((...args: Parameters<typeof real>) => {
    const read = real(...args)
    readBytes += read
    return read
  }) as typeof real
  try {
    const members = TarMembers.read(at, 'large.tar')
    t.equal(findFile(members, pathFromText('last'), 'test').offset, 512 + sizeBytes + 512)
  } finally {
    fs.readSync = real
  }
  t.ok(readBytes < 1 << 20, `${readBytes} bytes were read`)
  fs.rmSync(at)
})

t.test('names', async (t) => {
  const members = index(
    layerTar(
      file('./manifest.json', 'dot'),
      file('a//b/./c', 'odd'),
      file('twice', 'first'),
      file('twice', 'second'),
      file('../outside', 'no'),
      file(`${'long/'.repeat(40)}name`, 'pax'),
      fifo('pipe'),
    ),
  )
  t.equal(content(members, 'manifest.json'), 'dot')
  t.equal(content(members, 'a/b/c'), 'odd')
  t.equal(content(members, 'twice'), 'second', 'the last of equal names stays')
  t.equal(content(members, 'outside'), undefined)
  t.equal(content(members, `${'long/'.repeat(40)}name`), 'pax')
  t.equal(content(members, 'pipe'), 'other')
  t.same([...members.top()].sort(), ['a', 'long', 'manifest.json', 'pipe', 'twice'])
})

t.test('links', async (t) => {
  const entries: LayerEntryInit[] = [
    file('x/layer.tar', 'bytes'),
    symlink('y/layer.tar', '../x/layer.tar'),
    symlink('z', 'y'),
    link('hard', 'x/layer.tar'),
    link('hard-to-soft', 'y/layer.tar'),
    symlink('dangling', 'nothing'),
  ]
  const members = index(layerTar(...entries))
  const target = findFile(members, pathFromText('x/layer.tar'), 'test')
  for (const name of ['y/layer.tar', 'z/layer.tar', 'hard', 'hard-to-soft']) {
    t.same(findFile(members, pathFromText(name), 'test'), target, name)
  }
  t.throws(() => findFile(members, pathFromText('dangling'), 'test'), {
    code: 'ERR_MEMBER_MISSING',
  })
  t.same(findFile(members, pathFromText('hard'), 'test', 'refuse'), target)
  t.throws(() => findFile(members, pathFromText('z/layer.tar'), 'test', 'refuse'), {
    code: 'ERR_LINK_ESCAPE',
  })
})

t.test('what comes after the end blocks is not of the archive', async (t) => {
  const members = index(Buffer.concat([layerTar(file('a', 'a')), layerTar(file('b', 'b'))]))
  t.equal(content(members, 'a'), 'a')
  t.equal(content(members, 'b'), undefined)
})

t.test('end blocks may be missing', async (t) => {
  const whole = layerTar(file('a', 'bytes'))
  const members = index(whole.subarray(0, whole.length - ZERO_BLOCKS.length))
  t.equal(content(members, 'a'), 'bytes')
})

t.test('a sparse member is not its bytes', async (t) => {
  const sparse = block({
    name: 'layer.tar',
    type: 'S',
    size: 512,
    magic: GNU_MAGIC,
    patch: {
      386: '00000001000\0',
      398: '00000001000\0',
      483: '00000002000\0',
    },
  })
  const members = index(Buffer.concat([sparse, Buffer.alloc(512, 'x'), ZERO_BLOCKS]))
  t.throws(() => findFile(members, pathFromText('layer.tar'), 'test'), {
    code: 'ERR_MEMBER_MISSING',
    message: /a sparse file/,
  })
})

t.test('bounds', async (t) => {
  const tar = layerTar(file('a'), file('b'), file('c'))
  t.equal(content(index(tar, 3), 'c'), '')
  t.throws(() => index(tar, 2), { code: 'ERR_ENTRIES_MAX', message: /^cannot read x\.tar: / })
})

for (const program of ['tar', 'bsdtar', 'python3']) {
  const skip = has(program) ? false : `needs ${program} installed`
  t.test(`an archive that ${program} packed`, { skip }, async (t) => {
    const source = fs.mkdtempSync(path.join(directory, 'source-'))
    fs.mkdirSync(path.join(source, 'blobs'))
    fs.writeFileSync(path.join(source, 'blobs/one'), Buffer.alloc(70_000, '1'))
    fs.symlinkSync('one', path.join(source, 'blobs/two'))
    fs.linkSync(path.join(source, 'blobs/one'), path.join(source, 'blobs/zero'))
    const long = `${'n'.repeat(180)}`
    fs.writeFileSync(path.join(source, long), 'long')
    const out = path.join(directory, `${program}.tar`)
    const script =
      'import sys,tarfile; t=tarfile.open(sys.argv[1],"w"); t.add(sys.argv[2],"."); t.close()'
    const args =
      program === 'python3' ? ['-c', script, out, source] : ['-cf', out, '-C', source, '.']
    t.equal(spawnSync(program, args).status, 0)
    const members = TarMembers.read(out, out)
    const range = findFile(members, pathFromText('blobs/one'), 'test')
    t.equal(range.sizeBytes, 70_000)
    t.same(findFile(members, pathFromText('blobs/two'), 'test'), range)
    t.same(findFile(members, pathFromText('blobs/zero'), 'test'), range)
    t.equal(content(members, long), 'long')
  })
}
