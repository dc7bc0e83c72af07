import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { TEMPORARY_PREFIX, writeFileAtomic } from '../../src/sys/atomic-write.ts'
import { syncDirectory, syncFilesystem } from '../../src/sys/sync.ts'
import { unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

t.test('writes the bytes with exactly the mode, whatever the umask', async (t) => {
  const dir = temporaryDirectory(t)
  const file = path.join(dir, 'f')
  const umask = process.umask(0o077)
  t.teardown(() => process.umask(umask))
  writeFileAtomic(file, 'one', 0o644)
  t.equal(fs.statSync(file).mode & 0o7777, 0o644)
  const before = fs.statSync(file).ino
  writeFileAtomic(file, Buffer.from('two'), 0o600, { sync: false })
  t.equal(fs.readFileSync(file, 'utf8'), 'two')
  t.equal(fs.statSync(file).mode & 0o7777, 0o600)
  t.not(fs.statSync(file).ino, before, 'another file took its name')
  t.same(fs.readdirSync(dir), ['f'])
  syncDirectory(dir)
  syncFilesystem(dir)
})

t.test('replaces nothing but plain files', async (t) => {
  const dir = temporaryDirectory(t)
  fs.writeFileSync(path.join(dir, 'victim'), 'untouched')
  fs.symlinkSync('victim', path.join(dir, 'link'))
  fs.mkdirSync(path.join(dir, 'directory'))
  for (const name of ['link', 'directory']) {
    t.throws(() => writeFileAtomic(path.join(dir, name), 'x', 0o600), {
      code: 'ERR_DESTINATION_EXISTS',
    })
  }
  t.equal(fs.readFileSync(path.join(dir, 'victim'), 'utf8'), 'untouched')
  t.same(
    fs.readdirSync(dir).filter((name) => name.startsWith(TEMPORARY_PREFIX)),
    [],
  )
})

t.test('a failure leaves the old bytes', { skip: unless({ ordinaryUser: true }) }, async (t) => {
  const dir = temporaryDirectory(t)
  const file = path.join(dir, 'f')
  fs.writeFileSync(file, 'old')
  fs.chmodSync(dir, 0o500)
  t.teardown(() => fs.chmodSync(dir, 0o700))
  t.throws(() => writeFileAtomic(file, 'new', 0o600), { code: 'ERR_PERMISSION' })
  t.equal(fs.readFileSync(file, 'utf8'), 'old')
})

t.test('a full disk is named as such', { skip: unless({ tmpfs: true }) }, async (t) => {
  const { execFileSync } = await import('node:child_process')
  const dir = temporaryDirectory(t)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'shale-test', dir])
  t.teardown(() => execFileSync('umount', ['-l', dir]))
  writeFileAtomic(path.join(dir, 'f'), 'old', 0o600)
  t.throws(() => writeFileAtomic(path.join(dir, 'f'), Buffer.alloc(1 << 20, 1), 0o600), {
    code: 'ERR_DISK_FULL',
  })
  t.same(fs.readdirSync(dir), ['f'])
  t.equal(fs.readFileSync(path.join(dir, 'f'), 'utf8'), 'old')
})
