import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { ERRNO } from '../../src/sys/errno.ts'
import { AT_FDCWD, O, close, openAt } from '../../src/sys/file-calls.ts'
import * as xattr from '../../src/sys/xattr.ts'
import { unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

function supported(): string | false {
  const file = path.join('/var/tmp', `shale-xattr-${process.pid}`)
  fs.writeFileSync(file, '')
  const result = xattr.setXattr(file, 'user.shale', new Uint8Array([1]))
  fs.rmSync(file)
  return result === 0 ? false : 'needs user.* attributes in the temporary directory'
}

t.test('values are bytes, by path and by open file', { skip: supported() }, async (t) => {
  const dir = temporaryDirectory(t)
  fs.writeFileSync(path.join(dir, 'f'), '')
  const fd = openAt(AT_FDCWD, path.join(dir, 'f'), O.RDONLY)
  const parent = openAt(AT_FDCWD, dir, O.PATH | O.DIRECTORY)
  t.teardown(() => (close(fd), close(parent)))
  const value = Uint8Array.from({ length: 256 }, (_, i) => i)
  const place = xattr.below(parent, 'f')

  t.equal(xattr.setXattrOf(fd, 'user.all', value), 0)
  t.same(xattr.getXattrOf(fd, 'user.all'), value)
  t.same(xattr.getXattr(place, 'user.all'), value)
  t.equal(xattr.setXattr(place, 'user.empty', new Uint8Array(0)), 0)
  t.same(xattr.getXattr(place, 'user.empty'), new Uint8Array(0))
  t.equal(xattr.getXattr(place, 'user.none'), undefined)
  t.equal(xattr.getXattrOf(fd, 'user.none'), undefined)
  t.same((xattr.listXattrs(place) as string[]).filter((name) => name.startsWith('user.')).sort(), [
    'user.all',
    'user.empty',
  ])
  t.same(xattr.listXattrsOf(fd), xattr.listXattrs(place))
  t.equal(xattr.removeXattr(place, 'user.all'), 0)
  t.equal(xattr.removeXattr(place, 'user.all'), -ERRNO.ENODATA)
  t.equal(xattr.getXattr(place, 'user.all'), undefined)
  t.equal(xattr.setXattr(place, 'user.a\0b', value), -ERRNO.EINVAL)
})

t.test(
  'a symlink has none of the user namespace, and is not followed',
  { skip: supported() },
  async (t) => {
    const dir = temporaryDirectory(t)
    fs.writeFileSync(path.join(dir, 'f'), '')
    fs.symlinkSync('f', path.join(dir, 's'))
    const result = xattr.setXattr(path.join(dir, 's'), 'user.x', new Uint8Array([1]))
    t.ok(result < 0 && xattr.isUnsupportedXattr(-result))
    t.equal(xattr.getXattr(path.join(dir, 'f'), 'user.x'), undefined)
  },
)

t.test('trusted attributes of a symlink', { skip: unless({ root: true }) }, async (t) => {
  const dir = temporaryDirectory(t)
  fs.symlinkSync('nowhere', path.join(dir, 's'))
  const set = xattr.setXattr(path.join(dir, 's'), 'trusted.x', Buffer.from('v'))
  if (set < 0) t.ok(xattr.isUnsupportedXattr(-set), 'not on this file system')
  else t.same(xattr.getXattr(path.join(dir, 's'), 'trusted.x'), new Uint8Array([0x76]))
})
