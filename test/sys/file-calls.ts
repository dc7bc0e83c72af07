import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { HostError } from '../../src/errors.ts'
import { ERRNO, errnoName, fromNodeError, hostError, must } from '../../src/sys/errno.ts'
import * as calls from '../../src/sys/file-calls.ts'
import { O } from '../../src/sys/file-calls.ts'
import { statusAt, statusOf } from '../../src/sys/file-status.ts'
import { unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

interface WithTeardown {
  teardown(callback: () => void): unknown
}

function open(t: WithTeardown): { dir: string; fd: number } {
  const dir = temporaryDirectory(t)
  const fd = calls.openAt(calls.AT_FDCWD, dir, O.RDONLY | O.DIRECTORY)
  t.teardown(() => calls.close(fd))
  return { dir, fd }
}

t.test('a failed call answers with a negative errno', async (t) => {
  const { fd } = open(t)
  t.equal(calls.openAt(fd, 'missing', O.RDONLY), -ERRNO.ENOENT)
  t.equal(calls.unlinkAt(fd, 'missing'), -ERRNO.ENOENT)
  t.equal(calls.readlinkAt(fd, 'missing'), -ERRNO.ENOENT)
  t.equal(statusAt(fd, 'missing'), -ERRNO.ENOENT)
})

t.test('a name that no C string can hold is refused, not cut', async (t) => {
  const { dir, fd } = open(t)
  fs.writeFileSync(path.join(dir, 'a'), '')
  t.equal(calls.openAt(fd, 'a\0b', O.RDONLY), -ERRNO.EINVAL)
  t.equal(calls.unlinkAt(fd, 'a\0'), -ERRNO.EINVAL)
  t.equal(calls.openAt(fd, 'x'.repeat(5000), O.RDONLY), -ERRNO.ENAMETOOLONG)
  t.equal(calls.linkAt(fd, 'a', fd, 'b\0'), -ERRNO.EINVAL)
  t.same(fs.readdirSync(dir), ['a'])
})

t.test('names are bytes', async (t) => {
  const { dir, fd } = open(t)
  const file = calls.openAt(fd, 'caf\xe9\xff', O.WRONLY | O.CREAT | O.EXCL, 0o600)
  calls.close(file)
  t.same(fs.readdirSync(dir, 'buffer'), [Buffer.from('caf\xe9\xff', 'latin1')])
  t.same(calls.readDirectory(fd), [{ name: 'caf\xe9\xff', type: 8 }])
})

t.test('files, directories and links are made where they should', async (t) => {
  const { dir, fd } = open(t)
  t.equal(calls.mkdirAt(fd, 'd', 0o700), 0)
  t.equal(calls.mkdirAt(fd, 'd', 0o700), -ERRNO.EEXIST)
  t.equal(calls.symlinkAt('../target', fd, 'd/s'), 0)
  t.equal(fs.readlinkSync(path.join(dir, 'd/s')), '../target')
  t.equal(calls.readlinkAt(fd, 'd/s'), '../target')
  fs.writeFileSync(path.join(dir, 'f'), 'f')
  t.equal(calls.linkAt(fd, 'f', fd, 'g'), 0)
  t.equal(calls.renameAt(fd, 'g', fd, 'd/g'), 0)
  t.equal(calls.renameAt(fd, 'f', fd, 'd/g', 1), -ERRNO.EEXIST, 'RENAME_NOREPLACE')
  t.equal(fs.statSync(path.join(dir, 'd/g')).nlink, 2)
  t.equal(calls.mknodAt(fd, 'p', 0o010600), 0)
  t.equal((statusAt(fd, 'p') as { type: string }).type, 'fifo')
})

t.test('times are exact nanoseconds, before and after 1970', async (t) => {
  const { dir, fd } = open(t)
  fs.writeFileSync(path.join(dir, 'f'), '')
  const file = calls.openAt(fd, 'f', O.WRONLY)
  t.teardown(() => calls.close(file))
  const mtimeNs = 1_234_567_890_123_456_789n
  t.equal(calls.setTimesOf(file, 5n, mtimeNs), 0)
  t.match(statusOf(file), { atimeNs: 5n, mtimeNs })
  t.equal(fs.statSync(path.join(dir, 'f'), { bigint: true }).mtimeNs, mtimeNs)
  t.equal(calls.setTimesAt(fd, 'f', -1n, -1_500_000_000n), 0)
  t.match(statusAt(fd, 'f'), { atimeNs: -1n, mtimeNs: -1_500_000_000n })
})

t.test('times that take more than 64 bits of nanoseconds', async (t) => {
  const { dir, fd } = open(t)
  fs.writeFileSync(path.join(dir, 'f'), '')
  // The years 2400, 1600 and 2300; what a disk cannot keep it bounds, as it says to everybody else.
  const [later, sooner, between] = [13_569_465_600n, -11_676_096_000n, 10_413_792_000n].map(
    (seconds) => seconds * 1_000_000_000n + 5n,
  )
  for (const times of [
    [later, sooner],
    [sooner, between],
  ]) {
    t.equal(calls.setTimesAt(fd, 'f', times[0], times[1]), 0)
    const { atimeNs, mtimeNs } = fs.statSync(path.join(dir, 'f'), { bigint: true })
    t.match(statusAt(fd, 'f'), { atimeNs, mtimeNs })
  }
})

t.test('status says what lstat says', async (t) => {
  const { dir, fd } = open(t)
  fs.writeFileSync(path.join(dir, 'f'), 'four', { mode: 0o640 })
  fs.symlinkSync('f', path.join(dir, 's'))
  for (const name of ['f', 's']) {
    const expected = fs.lstatSync(path.join(dir, name), { bigint: true })
    t.match(statusAt(fd, name), {
      type: name === 'f' ? 'file' : 'symlink',
      mode: Number(expected.mode) & 0o7777,
      uid: Number(expected.uid),
      gid: Number(expected.gid),
      nlink: Number(expected.nlink),
      ino: expected.ino,
      sizeBytes: Number(expected.size),
      mtimeNs: expected.mtimeNs,
      ctimeNs: expected.ctimeNs,
    })
  }
  t.match(statusOf(fd), { type: 'directory' })
})

t.test('bytes are written and read at offsets', async (t) => {
  const { dir, fd } = open(t)
  const file = calls.openAt(fd, 'f', O.RDWR | O.CREAT, 0o600)
  t.teardown(() => calls.close(file))
  t.equal(calls.writeAll(file, Buffer.from('xhello').subarray(1)), 5)
  t.equal(calls.pwriteAll(file, Buffer.from('J'), 0), 1)
  t.equal(calls.pwriteAll(file, Buffer.from('!'), 5_000_000_000), 1)
  t.equal(calls.truncate(file, 6_000_000_000), 0)
  t.match(statusOf(file), { sizeBytes: 6_000_000_000 })
  const into = Buffer.alloc(5)
  t.equal(calls.pread(file, into, 0), 5)
  t.equal(into.toString(), 'Jello')
  t.equal(calls.pread(file, into, 5_000_000_000), 5)
  t.equal(into[0], 0x21)
  t.equal(calls.pread(file, into, 6_000_000_000), 0)
  t.equal(calls.truncate(file, 5), 0)
  const again = calls.openAt(fd, 'f', O.RDONLY)
  t.equal(calls.read(again, into), 5)
  t.equal(calls.read(again, into), 0)
  calls.close(again)
  t.equal(fs.readFileSync(path.join(dir, 'f'), 'utf8'), 'Jello')
})

t.test('copies inside the kernel, where the file system can', async (t) => {
  const { dir, fd } = open(t)
  fs.writeFileSync(path.join(dir, 'from'), 'content')
  const from = calls.openAt(fd, 'from', O.RDONLY)
  const to = calls.openAt(fd, 'to', O.WRONLY | O.CREAT, 0o600)
  t.teardown(() => (calls.close(from), calls.close(to)))
  if (calls.cloneFile(from, to) === 0) {
    t.equal(fs.readFileSync(path.join(dir, 'to'), 'utf8'), 'content', 'FICLONE')
  }
  const copied = calls.copyFileRange(from, to, 7)
  if (copied >= 0) t.equal(fs.readFileSync(path.join(dir, 'to'), 'utf8'), 'content')
  else t.ok([ERRNO.EXDEV, ERRNO.EINVAL, ERRNO.ENOSYS, ERRNO.EOPNOTSUPP].includes(-copied))
})

t.test('a large directory is listed whole, each time from its start', async (t) => {
  const { dir, fd } = open(t)
  for (let i = 0; i < 3000; i++) fs.writeFileSync(path.join(dir, `${'n'.repeat(40)}${i}`), '')
  fs.mkdirSync(path.join(dir, 'sub'))
  for (let round = 0; round < 2; round++) {
    const entries = calls.readDirectory(fd) as calls.DirectoryEntry[]
    t.same(entries.map((entry) => entry.name).sort(), fs.readdirSync(dir).sort())
    t.equal(entries.find((entry) => entry.name === 'sub')?.type, 4)
  }
})

t.test('removes a tree and follows no link out of it', async (t) => {
  const { dir, fd } = open(t)
  fs.mkdirSync(path.join(dir, 'keep'))
  fs.writeFileSync(path.join(dir, 'keep/file'), '')
  fs.mkdirSync(path.join(dir, 'gone/a/b'), { recursive: true })
  fs.writeFileSync(path.join(dir, 'gone/a/f'), '')
  fs.symlinkSync('../keep', path.join(dir, 'gone/link'))
  const seen: string[] = []
  t.equal(
    calls.removeTree(fd, 'gone', (_dir, name) => seen.push(name)),
    0,
  )
  t.same(fs.readdirSync(dir), ['keep'])
  t.same(fs.readdirSync(path.join(dir, 'keep')), ['file'])
  t.ok(seen.includes('f'))
  t.equal(calls.removeTree(fd, 'gone'), -ERRNO.ENOENT)
})

t.test('owners and devices', { skip: unless({ root: true, devices: true }) }, async (t) => {
  const { dir, fd } = open(t)
  fs.symlinkSync('nowhere', path.join(dir, 's'))
  t.equal(calls.chownAt(fd, 's', 12, 4_000_000_000), 0)
  t.match(statusAt(fd, 's'), { uid: 12, gid: 4_000_000_000 })
  t.equal(calls.mknodAt(fd, 'c', 0o020600, calls.makeDevice(300, 70_000)), 0)
  t.match(statusAt(fd, 'c'), { type: 'char', devMajor: 300, devMinor: 70_000 })
  const node = calls.openAt(fd, 'c', O.PATH | O.NOFOLLOW)
  t.equal(calls.chmod(node, 0o640), -ERRNO.EBADF)
  t.equal(calls.chmodPath(node, 0o640), 0)
  t.match(statusOf(node), { mode: 0o640 })
  calls.close(node)
})

t.test('errno becomes an error with its remedy', async (t) => {
  t.equal(errnoName(ERRNO.EAGAIN), 'EAGAIN')
  t.equal(errnoName(ERRNO.EOPNOTSUPP), 'EOPNOTSUPP')
  t.match(hostError('write f', ERRNO.ENOSPC, 'write', 'f'), {
    code: 'ERR_DISK_FULL',
    message: /^cannot write f: the disk is full \(ENOSPC\)/,
    details: { errno: 'ENOSPC', syscall: 'write', path: 'f' },
  })
  t.equal(hostError('x', ERRNO.EDQUOT, 'x', 'x').code, 'ERR_DISK_FULL')
  t.equal(hostError('x', ERRNO.EACCES, 'x', 'x').code, 'ERR_PERMISSION')
  t.equal(hostError('x', ERRNO.EIO, 'x', 'x').code, 'ERR_HOST')
  t.equal(must(3, 'openat', 'f'), 3)
  t.throws(() => must(-ERRNO.ENOENT, 'openat', 'f'), HostError)
  try {
    fs.readFileSync('/nowhere/at/all')
    t.fail('read a missing file')
  } catch (error) {
    t.match(fromNodeError('read it', error), {
      code: 'ERR_HOST',
      details: { errno: 'ENOENT' },
      cause: error,
    })
  }
  const other = new TypeError('no errno')
  t.equal(fromNodeError('x', other), other)
})
