// Files and directories that lost their last name while somebody holds them: /proc/self/fd leads to them as before, and
// what they are can be asked and changed.

import fs from 'node:fs'
import * as calls from '../../src/sys/file-calls.ts'
import { getXattrOf, listXattrsOf, removeXattrOf, setXattrOf } from '../../src/sys/xattr.ts'
import type { Check } from './trial.ts'

const { O_RDONLY, O_RDWR, O_TRUNC, O_DIRECTORY } = fs.constants
const O_PATH = 0o10000000

function link(fd: number): string {
  return `/proc/self/fd/${fd}`
}

/** From its start. */
function contentOf(fd: number): string {
  const bytes = Buffer.alloc(64)
  return bytes.toString('latin1', 0, fs.readSync(fd, bytes, 0, bytes.length, 0))
}

function reopened(fd: number, flags: number): string {
  const again = fs.openSync(link(fd), flags)
  try {
    return contentOf(again)
  } finally {
    fs.closeSync(again)
  }
}

export const namelessChecks: readonly Check[] = [
  {
    name: 'a removed file that is open for writing is opened again',
    needs: ['descriptors'],
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, 'content')
    },
    run({ path, equal }) {
      const fd = fs.openSync(path('f'), O_RDWR)
      fs.unlinkSync(path('f'))
      equal('to read', reopened(fd, O_RDONLY), 'content')
      const writer = fs.openSync(link(fd), O_RDWR)
      fs.writeSync(writer, 'CON', 0)
      equal('written by the second, read by the first', contentOf(fd), 'CONtent')
      equal('one file', fs.fstatSync(writer).ino, fs.fstatSync(fd).ino)
      fs.closeSync(writer)
      fs.writeSync(fd, 'con', 0)
      equal('written by the first, after the second is closed', contentOf(fd), 'content')
      equal('truncated by opening', reopened(fd, O_RDWR | O_TRUNC), '')
      equal('size', fs.fstatSync(fd).size, 0)
      fs.truncateSync(link(fd), 3)
      equal('size set by name', fs.fstatSync(fd).size, 3)
      fs.chmodSync(link(fd), 0o640)
      equal('mode', fs.fstatSync(fd).mode & 0o7777, 0o640)
      equal('links', fs.statSync(link(fd)).nlink, 0)
      const other = fs.openSync(link(fd), O_RDONLY)
      fs.closeSync(fd)
      equal('when the first is closed', reopened(other, O_RDONLY), '\0\0\0')
      fs.closeSync(other)
    },
  },
  {
    name: 'a removed file that is open for reading is opened again',
    needs: ['descriptors'],
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, 'content')
    },
    run({ lower, movesDirectories, path, code, equal }) {
      const fd = fs.openSync(path('f'), O_RDONLY)
      fs.unlinkSync(path('f'))
      equal('to read', reopened(fd, O_RDONLY), 'content')
      // A removed file of a lower layer has nowhere to be copied to: ovl_copy_up_tmpfile finds its whiteout.
      const changed = lower && !movesDirectories ? 'EEXIST' : 'ok'
      equal(
        'to write',
        code(() => fs.closeSync(fs.openSync(link(fd), O_RDWR))),
        changed,
      )
      equal(
        'chmod',
        code(() => fs.fchmodSync(fd, 0o600)),
        changed,
      )
      equal('content', contentOf(fd), 'content')
      fs.closeSync(fd)
    },
  },
  {
    name: 'a replaced file that is open is opened again',
    needs: ['descriptors'],
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, 'old')
      fs.writeFileSync(`${at}/g`, 'new')
    },
    run({ path, equal }) {
      const fd = fs.openSync(path('f'), O_RDONLY)
      fs.renameSync(path('g'), path('f'))
      equal('the replaced one', reopened(fd, O_RDONLY), 'old')
      equal('the other', fs.readFileSync(path('f'), 'latin1'), 'new')
      fs.closeSync(fd)
    },
  },
  {
    name: 'attributes of a removed file',
    needs: ['descriptors'],
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, 'content')
    },
    run({ path, equal }) {
      const fd = fs.openSync(path('f'), O_RDWR)
      // Not every file system has them.
      if (setXattrOf(fd, 'user.before', Buffer.from('1')) < 0) return fs.closeSync(fd)
      fs.unlinkSync(path('f'))
      const textOf = (name: string): unknown => {
        const value = getXattrOf(fd, name)
        return value instanceof Uint8Array ? Buffer.from(value).toString() : value
      }
      equal('set before', textOf('user.before'), '1')
      equal('set after', setXattrOf(fd, 'user.after', Buffer.from('2')), 0)
      equal('its value', textOf('user.after'), '2')
      const names = listXattrsOf(fd)
      const own = Array.isArray(names)
        ? names.filter((name) => name.startsWith('user.')).sort()
        : names
      equal('names', String(own), 'user.after,user.before')
      equal('removed', removeXattrOf(fd, 'user.before'), 0)
      equal('and gone', textOf('user.before'), undefined)
      fs.closeSync(fd)
    },
  },
  {
    name: 'a removed file that is held and not open',
    needs: ['descriptors'],
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, 'content')
      fs.symlinkSync('f', `${at}/l`)
    },
    run({ path, equal }) {
      const fd = fs.openSync(path('f'), O_PATH)
      const { ino } = fs.fstatSync(fd)
      fs.unlinkSync(path('f'))
      equal('size', fs.fstatSync(fd).size, 7)
      equal('number', fs.fstatSync(fd).ino, ino)
      fs.closeSync(fd)
    },
  },
  {
    name: 'a removed directory is opened again',
    needs: ['descriptors'],
    prepare(fs, at) {
      fs.mkdirSync(`${at}/d`)
    },
    run({ path, code, equal }) {
      const fd = fs.openSync(path('d'), O_RDONLY | O_DIRECTORY)
      fs.rmdirSync(path('d'))
      equal('names', fs.readdirSync(link(fd)).length, 0)
      const again = calls.openAt(fd, '.', O_RDONLY | O_DIRECTORY)
      equal('opened by itself', again >= 0, true)
      equal(
        'a name in it',
        code(() => calls.openAt(fd, 'new', calls.O.CREAT, 0o600)),
        'errno 2',
      )
      equal('attributes', String(listXattrsOf(fd)), '')
      if (again >= 0) calls.close(again)
      fs.closeSync(fd)
    },
  },
]
