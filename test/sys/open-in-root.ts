import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { ERRNO } from '../../src/sys/errno.ts'
import { AT_FDCWD, O, close, openAt, readlinkAt } from '../../src/sys/file-calls.ts'
import { statusOf } from '../../src/sys/file-status.ts'
import { openInRoot, walkInRoot } from '../../src/sys/open-in-root.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** Where each path leads, as the kernel knows the open file; or the errno. */
function trace(
  open: typeof openInRoot,
  root: number,
  place: string,
  name: string,
  flags: number,
): string {
  const fd = open(root, name, flags)
  if (fd < 0) return Object.entries(ERRNO).find(([, n]) => n === -fd)?.[0] ?? String(fd)
  const target = fs.readlinkSync(`/proc/self/fd/${fd}`)
  const status = statusOf(fd)
  close(fd)
  if (typeof status === 'number') return String(status)
  return `${status.type} ${target === place ? '/' : target.replace(place, '')}`
}

for (const [name, open] of [
  ['openat2', openInRoot],
  ['the walk by hand', walkInRoot],
] as const) {
  t.test(`${name} stays below its root`, async (t) => {
    const outside = temporaryDirectory(t)
    fs.writeFileSync(path.join(outside, 'secret'), '')
    const place = path.join(outside, 'root')
    for (const dir of ['a/b', 'usr/lib', 'etc'])
      fs.mkdirSync(path.join(place, dir), { recursive: true })
    fs.writeFileSync(path.join(place, 'etc/passwd'), 'inside')
    fs.writeFileSync(path.join(place, 'a/b/f'), '')
    const links = {
      'abs-etc': '/etc',
      lib: 'usr/lib',
      'a/up': '../../../../etc',
      'a/b/out': '../../../secret',
      loop1: 'loop2',
      loop2: 'loop1',
      dangling: '/nowhere/at/all',
      chain: 'abs-etc/passwd',
      self: '.',
      top: '/',
      magic: `${outside}/secret`,
    }
    for (const [link, target] of Object.entries(links))
      fs.symlinkSync(target, path.join(place, link))
    const root = openAt(AT_FDCWD, place, O.RDONLY | O.DIRECTORY)
    t.teardown(() => close(root))
    const where = (p: string, flags = O.PATH): string => trace(open, root, place, p, flags)

    t.equal(where(''), 'directory /')
    t.equal(where('/'), 'directory /')
    t.equal(where('..'), 'directory /')
    t.equal(where('../../..'), 'directory /')
    t.equal(where('../secret'), 'ENOENT')
    t.equal(where('a/b/f'), 'file /a/b/f')
    t.equal(where('/a//./b/f'), 'file /a/b/f')
    t.equal(where('a/b/../../etc/passwd'), 'file /etc/passwd')
    t.equal(where('abs-etc/passwd'), 'file /etc/passwd')
    t.equal(where('chain'), 'file /etc/passwd')
    t.equal(where('a/up/passwd'), 'file /etc/passwd')
    t.equal(where('a/b/out'), 'ENOENT')
    t.equal(where('magic'), 'ENOENT')
    t.equal(where('top/top/top/etc'), 'directory /etc')
    t.equal(where('self/self/a'), 'directory /a')
    t.equal(where('lib'), 'directory /usr/lib')
    t.equal(where('loop1'), 'ELOOP')
    t.equal(where('loop1/x'), 'ELOOP')
    t.equal(where('dangling'), 'ENOENT')
    t.equal(where('etc/passwd/x'), 'ENOTDIR')
    t.equal(where('etc/passwd/'), 'ENOTDIR')
    t.equal(where('lib', O.PATH | O.NOFOLLOW), 'symlink /lib')
    t.equal(where('lib/.', O.PATH | O.NOFOLLOW), 'directory /usr/lib')
    t.equal(where('lib', O.RDONLY | O.NOFOLLOW), 'ELOOP')
    t.equal(where('etc/passwd', O.RDONLY), 'file /etc/passwd')
    t.equal(where('etc/passwd', O.PATH | O.DIRECTORY), 'ENOTDIR')
    t.equal(open(root, 'lib/x', O.PATH, { noSymlinks: true }), -ERRNO.ELOOP)
    const plain = open(root, 'usr/lib', O.PATH, { noSymlinks: true })
    t.ok(plain >= 0)
    close(plain)
    const made = open(root, 'abs-etc/new', O.WRONLY | O.CREAT | O.EXCL, { mode: 0o600 })
    t.ok(made >= 0)
    close(made)
    t.ok(fs.existsSync(path.join(place, 'etc/new')))
    t.equal(open(root, 'etc/new', O.WRONLY | O.CREAT | O.EXCL, { mode: 0o600 }), -ERRNO.EEXIST)
    const opened = open(root, 'lib', O.PATH | O.NOFOLLOW)
    t.equal(readlinkAt(opened, ''), 'usr/lib')
    close(opened)
    t.equal(
      fs.readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(place)
        } catch {
          return false
        }
      }).length,
      1,
      'only the root is still open',
    )
  })
}
