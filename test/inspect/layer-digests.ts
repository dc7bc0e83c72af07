import { execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { layerDigests } from '../../src/inspect/layer-digests.ts'
import { unless } from '../support/host.ts'
import { diffIDOf, gzip, sha256Text } from '../support/layer.ts'
import { BASE_TAR } from '../support/store-fixture.ts'
import { temporaryDirectory } from '../support/temporary.ts'

// What is left there is of these tests alone: others run beside.
process.env['TMPDIR'] = temporaryDirectory(t)

t.test('a plain tar: one digest', async (t) => {
  const file = path.join(t.testdir(), 'layer.tar')
  fs.writeFileSync(file, BASE_TAR)
  const expected = {
    diffID: diffIDOf(BASE_TAR),
    tarBytes: BASE_TAR.length,
    compression: 'none' as const,
    blobDigest: diffIDOf(BASE_TAR),
    blobBytes: BASE_TAR.length,
  }
  t.same(await layerDigests(file), expected)
  t.same(await layerDigests(Readable.from([BASE_TAR])), expected)
  const bytes = [...BASE_TAR.subarray(0, 600)].map((byte) => Buffer.from([byte]))
  t.same(
    await layerDigests(Readable.from([...bytes, BASE_TAR.subarray(600)])),
    expected,
    'a pipe may give bytes one by one',
  )
})

t.test('gzip, from a file and from a pipe, which leaves nothing behind', async (t) => {
  const blob = gzip(BASE_TAR)
  const file = path.join(t.testdir(), 'layer.tar.gz')
  fs.writeFileSync(file, blob)
  const digests = await layerDigests(file)
  t.match(digests, {
    diffID: diffIDOf(BASE_TAR),
    blobDigest: sha256Text(blob),
    compression: 'gzip',
  })
  const left = (): string[] =>
    fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith('shale-diffid-'))
  t.same(await layerDigests(Readable.from([blob])), digests)
  await t.rejects(layerDigests(Readable.from([blob.subarray(0, blob.length - 9)])), {
    code: 'ERR_COMPRESSION',
  })
  t.same(left(), [])
})

t.test('a named pipe, which has no places to be read by', async (t) => {
  for (const bytes of [BASE_TAR, gzip(BASE_TAR)]) {
    const dir = t.testdir()
    const pipe = path.join(dir, 'pipe')
    fs.writeFileSync(path.join(dir, 'layer'), bytes)
    execFileSync('mkfifo', [pipe])
    const writer = spawn('cp', [path.join(dir, 'layer'), pipe])
    try {
      t.match(await layerDigests(pipe), { diffID: diffIDOf(BASE_TAR), blobBytes: bytes.length })
    } finally {
      writer.kill()
    }
  }
})

t.test('zstd', { skip: unless({ programs: ['zstd'] }) }, async (t) => {
  const blob = execFileSync('zstd', ['-q', '-c'], { input: BASE_TAR })
  t.match(await layerDigests(Readable.from([blob])), {
    diffID: diffIDOf(BASE_TAR),
    compression: 'zstd',
  })
})

t.test('what cannot be read is said', async (t) => {
  await t.rejects(layerDigests(path.join(t.testdir(), 'none')), { code: 'ERR_FILE_NOT_FOUND' })
  await t.rejects(layerDigests(t.testdir()), {
    code: 'ERR_NOT_A_FILE',
    message: /: it is a directory; name the file of a layer$/,
  })
  t.match(await layerDigests(Readable.from([])), {
    tarBytes: 0,
    diffID: sha256Text(Buffer.alloc(0)),
  })
})
