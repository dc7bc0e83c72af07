// open(2) with each of its flags, read, write, truncate, append; files that lost their names; locks; O_TMPFILE.

import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { ERRNO } from '../../src/sys/errno.ts'
import { AT_FDCWD, linkOpen } from '../../src/sys/file-calls.ts'
import { checked, libc } from '../../src/sys/libc.ts'
import type { Check } from './trial.ts'

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW } =
  constants
const O_TMPFILE = 0o20000000 | O_DIRECTORY
/** LOCK_EX | LOCK_NB: nobody waits. */
const lock = (fd: number): number => checked(libc().flock(fd, 6))

export const fileChecks: readonly Check[] = [
  {
    name: 'a writer comes while a reader has the file open',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/small`, 'old content')
      fs.writeFileSync(`${at}/large`, 'old content'.padEnd(200_000, '.'))
      fs.writeFileSync(`${at}/setuid`, 'old content'.padEnd(200_000, '.'))
      fs.chmodSync(`${at}/setuid`, 0o4755)
    },
    run({ fs, path, equal }) {
      for (const name of ['small', 'large', 'setuid']) {
        for (const round of ['first', 'again']) {
          const reader = fs.openSync(path(name), 'r')
          const bytes = Buffer.alloc(3)
          fs.readSync(reader, bytes, 0, 3, 0)
          const writer = fs.openSync(path(name), 'r+')
          fs.writeSync(writer, Buffer.from('new'), 0, 3, 0)
          fs.readSync(reader, bytes, 0, 3, 0)
          equal(`${name}, ${round}: what was written is read`, bytes.toString(), 'new')
          fs.ftruncateSync(writer, 2)
          fs.closeSync(writer)
          equal(
            `${name}, ${round}: what was cut off is not`,
            fs.readSync(reader, bytes, 0, 3, 0),
            2,
          )
          fs.closeSync(reader)
          fs.writeFileSync(path(name), 'old content'.padEnd(200_000, '.'))
        }
      }
    },
  },
  {
    name: 'open, flag by flag',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, 'content')
      fs.mkdirSync(`${at}/d`)
      fs.symlinkSync('f', `${at}/to-f`)
      fs.symlinkSync('d', `${at}/to-d`)
      fs.symlinkSync('made', `${at}/to-nothing`)
      fs.symlinkSync('loop', `${at}/loop`)
    },
    run({ fs, path, code, equal }) {
      const open = (name: string, flags: number): string =>
        code(() => fs.closeSync(fs.openSync(path(name), flags, 0o644)))
      const cases: [string, number, string][] = [
        ['missing', O_RDONLY, 'ENOENT'],
        ['missing/below', O_RDONLY, 'ENOENT'],
        ['f/below', O_RDONLY, 'ENOTDIR'],
        ['f/', O_RDONLY, 'ENOTDIR'],
        ['f', O_RDONLY | O_DIRECTORY, 'ENOTDIR'],
        ['f', O_CREAT | O_EXCL | O_WRONLY, 'EEXIST'],
        ['f', O_CREAT | O_WRONLY, 'ok'],
        ['d', O_RDONLY, 'ok'],
        ['d', O_RDONLY | O_DIRECTORY, 'ok'],
        ['d/', O_RDONLY, 'ok'],
        ['d', O_WRONLY, 'EISDIR'],
        ['d', O_RDWR, 'EISDIR'],
        ['d', O_CREAT | O_RDONLY, 'EISDIR'],
        ['d', O_CREAT | O_EXCL | O_WRONLY, 'EEXIST'],
        ['new/', O_CREAT | O_WRONLY, 'EISDIR'],
        ['to-f', O_RDONLY, 'ok'],
        ['to-f', O_RDONLY | O_NOFOLLOW, 'ELOOP'],
        ['to-f', O_CREAT | O_EXCL | O_WRONLY, 'EEXIST'],
        ['to-d', O_RDONLY | O_DIRECTORY, 'ok'],
        ['to-nothing', O_RDONLY, 'ENOENT'],
        ['to-nothing', O_CREAT | O_EXCL | O_WRONLY, 'EEXIST'],
        ['to-nothing', O_CREAT | O_WRONLY, 'ok'],
        ['loop', O_RDONLY, 'ELOOP'],
        ['loop/below', O_RDONLY, 'ELOOP'],
        ['.', O_RDONLY, 'ok'],
        ['d/..', O_RDONLY, 'ok'],
        ['', O_RDONLY, 'ok'],
      ]
      for (const [name, flags, expected] of cases) {
        equal(`${name} with 0${flags.toString(8)}`, open(name, flags), expected)
      }
      equal('nothing was truncated', String(fs.readFileSync(path('f'), 'utf8')), 'content')
      equal('made through the link', fs.lstatSync(path('made')).isFile(), true)
    },
  },
  {
    name: 'O_TRUNC, for writing and for reading',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/w`, 'content')
      fs.writeFileSync(`${at}/r`, 'content')
    },
    run({ fs, path, equal }) {
      fs.closeSync(fs.openSync(path('w'), O_WRONLY | O_TRUNC))
      equal('for writing', fs.lstatSync(path('w')).size, 0)
      fs.closeSync(fs.openSync(path('r'), O_RDONLY | O_TRUNC))
      equal('for reading', fs.lstatSync(path('r')).size, 0)
    },
  },
  {
    name: 'descriptors for one way only',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, 'content')
    },
    run({ fs, path, code, equal }) {
      const bytes = Buffer.alloc(3)
      const reader = fs.openSync(path('f'), 'r')
      equal(
        'write',
        code(() => fs.writeSync(reader, bytes, 0, 3, 0)),
        'EBADF',
      )
      equal(
        'truncate',
        code(() => fs.ftruncateSync(reader, 0)),
        'EINVAL',
      )
      fs.closeSync(reader)
      equal(
        'closed',
        code(() => fs.readSync(reader, bytes, 0, 3, 0)),
        'EBADF',
      )
      const writer = fs.openSync(path('f'), O_WRONLY)
      equal(
        'read',
        code(() => fs.readSync(writer, bytes, 0, 3, 0)),
        'EBADF',
      )
      fs.closeSync(writer)
      const directory = fs.openSync(path('.'), 'r')
      equal(
        'of a directory',
        code(() => fs.readSync(directory, bytes, 0, 3, 0)),
        'EISDIR',
      )
      fs.closeSync(directory)
    },
  },
  {
    name: 'write and read at offsets, and holes',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, '0123456789')
    },
    run({ fs, path, equal }) {
      const fd = fs.openSync(path('f'), 'r+')
      equal('in the middle', fs.writeSync(fd, Buffer.from('abc'), 0, 3, 4), 3)
      equal('past the end', fs.writeSync(fd, Buffer.from('z'), 0, 1, 5000), 1)
      const bytes = Buffer.alloc(16, 1)
      equal('read', fs.readSync(fd, bytes, 0, 16, 2), 16)
      equal('bytes', bytes.toString('latin1'), '23abc789\0\0\0\0\0\0\0\0')
      equal('at the end', fs.readSync(fd, bytes, 0, 16, 5001), 0)
      equal('across the end', fs.readSync(fd, bytes, 0, 16, 5000), 1)
      equal('size', fs.fstatSync(fd).size, 5001)
      fs.closeSync(fd)
    },
  },
  {
    name: 'truncate and ftruncate, down and up',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, 'x'.repeat(10_000))
      fs.mkdirSync(`${at}/d`)
    },
    run({ fs, path, code, equal }) {
      fs.truncateSync(path('f'), 9)
      equal('down', fs.lstatSync(path('f')).size, 9)
      fs.truncateSync(path('f'), 12)
      equal('up', String(fs.readFileSync(path('f'), 'latin1')), `${'x'.repeat(9)}\0\0\0`)
      equal(
        'a directory',
        code(() => fs.truncateSync(path('d'), 0)),
        'EISDIR',
      )
      equal(
        'nothing',
        code(() => fs.truncateSync(path('no'), 0)),
        'ENOENT',
      )
      const fd = fs.openSync(path('f'), 'r+')
      fs.ftruncateSync(fd, 100_000)
      equal('open', fs.fstatSync(fd).size, 100_000)
      equal('by name', fs.lstatSync(path('f')).size, 100_000)
      fs.closeSync(fd)
    },
  },
  {
    name: 'appending, by two at a time',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, 'begin')
    },
    run({ fs, path, equal }) {
      const flags = O_WRONLY | O_APPEND
      const one = fs.openSync(path('f'), flags)
      const two = fs.openSync(path('f'), flags)
      for (let i = 0; i < 3; i++) {
        fs.writeSync(one, Buffer.from('1'))
        fs.writeSync(two, Buffer.from('2'), 0, 1, 0)
      }
      fs.closeSync(one)
      fs.closeSync(two)
      equal('content', String(fs.readFileSync(path('f'), 'utf8')), 'begin121212')
    },
  },
  {
    name: 'a file that lost its name lives on while it is open',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, 'content')
    },
    run({ fs, path, code, equal }) {
      const fd = fs.openSync(path('f'), 'r+')
      fs.unlinkSync(path('f'))
      equal(
        'by name',
        code(() => fs.lstatSync(path('f'))),
        'ENOENT',
      )
      equal('links', fs.fstatSync(fd).nlink, 0)
      fs.writeSync(fd, Buffer.from('C'), 0, 1, 0)
      fs.ftruncateSync(fd, 4)
      fs.fchmodSync(fd, 0o600)
      fs.futimesSync(fd, 1000, 2000)
      const bytes = Buffer.alloc(7)
      equal('length', fs.readSync(fd, bytes, 0, 7, 0), 4)
      equal('bytes', bytes.toString('latin1', 0, 4), 'Cont')
      equal('mode', fs.fstatSync(fd).mode & 0o7777, 0o600)
      equal('time', fs.fstatSync(fd).mtimeMs, 2_000_000)
      fs.writeFileSync(path('f'), 'another')
      equal('another of that name', fs.readSync(fd, bytes, 0, 7, 0), 4)
      fs.closeSync(fd)
    },
  },
  {
    name: 'a reader sees what is written by others',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, 'content')
    },
    run({ fs, path, equal }) {
      const writer = fs.openSync(path('f'), 'r+')
      const reader = fs.openSync(path('f'), 'r')
      fs.writeSync(writer, Buffer.from('CON'), 0, 3, 0)
      const bytes = Buffer.alloc(7)
      fs.readSync(reader, bytes, 0, 7, 0)
      equal('bytes', bytes.toString(), 'CONtent')
      equal('one file', fs.fstatSync(reader).ino, fs.fstatSync(writer).ino)
      fs.closeSync(reader)
      fs.closeSync(writer)
    },
  },
  {
    name: 'flock is between descriptors',
    needs: ['descriptors'],
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, '')
      fs.mkdirSync(`${at}/d`)
    },
    run({ path, code, equal }) {
      for (const name of ['f', 'd']) {
        const flags = name === 'f' ? O_RDWR : O_RDONLY
        const [one, two] = [openSync(path(name), flags), openSync(path(name), flags)]
        equal(
          `${name} the first`,
          code(() => lock(one)),
          'ok',
        )
        equal(
          `${name} the second`,
          code(() => lock(two)),
          'errno 11',
        )
        closeSync(one)
        equal(
          `${name} after the first is closed`,
          code(() => lock(two)),
          'ok',
        )
        closeSync(two)
      }
    },
  },
  {
    name: 'O_TMPFILE has no name',
    needs: ['temporary files'],
    run({ fs, path, equal }) {
      const fd = openSync(path('.'), O_TMPFILE | O_RDWR, 0o640)
      writeSync(fd, 'temporary')
      equal('names', fs.readdirSync(path()).length, 0)
      equal('links', fstatSync(fd).nlink, 0)
      const bytes = Buffer.alloc(9)
      readSync(fd, bytes, 0, 9, 0)
      equal('bytes', bytes.toString(), 'temporary')
      equal('mode', fstatSync(fd).mode & 0o7777, 0o640)
      closeSync(fd)
      equal('names, when it is closed', fs.readdirSync(path()).length, 0)
    },
  },
  {
    name: 'O_TMPFILE is given a name',
    needs: ['temporary files'],
    prepare: (fs, at) => fs.writeFileSync(`${at}/there`, 'before'),
    run({ fs, path, equal }) {
      const fd = openSync(path('.'), O_TMPFILE | O_RDWR, 0o600)
      writeSync(fd, 'temporary')
      equal('a name that is taken', linkOpen(fd, AT_FDCWD, path('there')), -ERRNO.EEXIST)
      fs.unlinkSync(path('there'))
      equal('a name that was removed', linkOpen(fd, AT_FDCWD, path('there')), 0)
      equal('links', fstatSync(fd).nlink, 1)
      equal('number', fs.statSync(path('there')).ino, fstatSync(fd).ino)
      equal('another name', linkOpen(fd, AT_FDCWD, path('new')), 0)
      equal('links of both', fstatSync(fd).nlink, 2)
      writeSync(fd, ' no more')
      closeSync(fd)
      equal('bytes', fs.readFileSync(path('new'), 'utf8'), 'temporary no more')
      fs.unlinkSync(path('new'))
      equal('links of the first', fs.statSync(path('there')).nlink, 1)
      const only = openSync(path('.'), O_TMPFILE | O_RDWR | O_EXCL, 0o600)
      equal('with O_EXCL', linkOpen(only, AT_FDCWD, path('new')), -ERRNO.ENOENT)
      closeSync(only)
      equal('names', fs.readdirSync(path()).join(), 'there')
    },
  },
]
