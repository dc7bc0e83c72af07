// Bytes that are allocated, punched out, looked for and copied without being read, and the flags of chattr(1): as far as
// the file system has them that everything lies on.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ERRNO } from '../../src/sys/errno.ts'
import { SEEK, allocate, copyRange, seek } from '../../src/sys/file-calls.ts'
import { FILE_FLAGS_CALLS, callFileFlags } from '../../src/sys/file-flags.ts'
import type { Check } from './trial.ts'

const KEEP_SIZE = 1
const PUNCH_HOLE = 2
const BLOCK = 65_536
const NODUMP = 0x40
/** FS_APPEND_FL. */
const APPEND = 0x20

const [getFlags, setFlags] = FILE_FLAGS_CALLS

function flagsOf(fd: number): number {
  const bytes = Buffer.alloc(4)
  const result = callFileFlags(fd, getFlags!, bytes)
  return result < 0 ? result : bytes.readUInt32LE() & NODUMP
}

function giveFlags(fd: number, flags: number): number {
  const bytes = Buffer.alloc(4)
  const result = callFileFlags(fd, getFlags!, bytes)
  if (result < 0) return result
  bytes.writeUInt32LE((bytes.readUInt32LE() & ~(NODUMP | APPEND)) | flags)
  return callFileFlags(fd, setFlags!, bytes)
}

/** What the file system of temporary directories can. */
export function probeSpace(): { readonly punches: boolean; readonly flags: boolean } {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-space-'))
  const fd = fs.openSync(path.join(dir, 'f'), 'w+')
  try {
    fs.ftruncateSync(fd, BLOCK)
    const punches = allocate(fd, PUNCH_HOLE | KEEP_SIZE, 0, BLOCK) === 0
    return { punches, flags: giveFlags(fd, NODUMP) === 0 }
  } finally {
    fs.closeSync(fd)
    fs.rmSync(dir, { recursive: true })
  }
}

export const spaceChecks: readonly Check[] = [
  {
    name: 'fallocate and holes',
    needs: ['descriptors', 'holes'],
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, Buffer.alloc(4 * BLOCK, 'x'))
    },
    run({ path, equal }) {
      const fd = fs.openSync(path('f'), 'r+')
      const size = (): number => fs.fstatSync(fd).size
      equal('punched', allocate(fd, PUNCH_HOLE | KEEP_SIZE, BLOCK, BLOCK), 0)
      equal('size after it', size(), 4 * BLOCK)
      const bytes = fs.readFileSync(path('f'))
      equal(
        'zeros',
        bytes.subarray(BLOCK, 2 * BLOCK).every((byte) => byte === 0),
        true,
      )
      equal('all else', bytes.filter((byte) => byte === 0x78).length, 3 * BLOCK)
      equal('the hole', seek(fd, 0, SEEK.HOLE), BLOCK)
      equal('data behind it', seek(fd, BLOCK, SEEK.DATA), 2 * BLOCK)
      equal('the end is a hole', seek(fd, 2 * BLOCK, SEEK.HOLE), 4 * BLOCK)
      equal('no data behind the end', seek(fd, 4 * BLOCK, SEEK.DATA), -ERRNO.ENXIO)
      const reader = fs.openSync(path('f'), 'r')
      equal('the hole, by a reader', seek(reader, 0, SEEK.HOLE), BLOCK)
      equal('a reader may not', allocate(reader, 0, 0, BLOCK), -ERRNO.EBADF)
      fs.closeSync(reader)
      equal('allocated, the size kept', allocate(fd, KEEP_SIZE, 4 * BLOCK, BLOCK), 0)
      equal('size after that', size(), 4 * BLOCK)
      equal('allocated', allocate(fd, 0, 4 * BLOCK, BLOCK), 0)
      equal('larger', size(), 5 * BLOCK)
      equal('zeros at the end', fs.readFileSync(path('f'))[5 * BLOCK - 1], 0)
      fs.unlinkSync(path('f'))
      equal('of a removed file', allocate(fd, 0, 5 * BLOCK, BLOCK), 0)
      equal('its size', size(), 6 * BLOCK)
      fs.closeSync(fd)
    },
  },
  {
    name: 'fallocate takes setuid away, from all but root',
    needs: ['descriptors', 'users'],
    prepare(fs, at) {
      for (const name of ['user', 'root']) {
        fs.writeFileSync(`${at}/${name}`, 'content')
        fs.chmodSync(`${at}/${name}`, 0o6777)
      }
    },
    run({ path, as, equal }) {
      const allocateIn = (name: string): number => {
        const fd = fs.openSync(path(name), 'r+')
        try {
          return allocate(fd, 0, 0, BLOCK)
        } finally {
          fs.closeSync(fd)
        }
      }
      const mode = (name: string): number => fs.statSync(path(name)).mode & 0o7777
      equal(
        'a user',
        as(1000, 1000, () => allocateIn('user')),
        0,
      )
      equal('mode', mode('user'), 0o777)
      equal('root', allocateIn('root'), 0)
      equal('mode', mode('root'), 0o6777)
    },
  },
  {
    name: 'copy_file_range',
    needs: ['descriptors'],
    prepare(fs, at) {
      fs.writeFileSync(`${at}/from`, '0123456789')
      fs.writeFileSync(`${at}/to`, 'abcdefghij')
    },
    run({ path, equal }) {
      const from = fs.openSync(path('from'), 'r')
      const to = fs.openSync(path('to'), 'r+')
      equal('copied', copyRange({ fd: from, offset: 2 }, { fd: to, offset: 4 }, 3), 3)
      equal('content', fs.readFileSync(path('to'), 'latin1'), 'abcd234hij')
      equal('up to the end', copyRange({ fd: from, offset: 8 }, { fd: to, offset: 9 }, 100), 2)
      equal('larger', fs.readFileSync(path('to'), 'latin1'), 'abcd234hi89')
      equal('at the end', copyRange({ fd: from, offset: 10 }, { fd: to, offset: 0 }, 1), 0)
      const reader = fs.openSync(path('to'), 'r')
      const refused = copyRange({ fd: from, offset: 0 }, { fd: reader, offset: 0 }, 1)
      equal('to a reader', refused, -ERRNO.EBADF)
      fs.closeSync(reader)
      fs.unlinkSync(path('to'))
      equal('to a removed file', copyRange({ fd: from, offset: 0 }, { fd: to, offset: 0 }, 2), 2)
      const bytes = Buffer.alloc(4)
      fs.readSync(to, bytes, 0, 4, 0)
      equal('its content', bytes.toString(), '01cd')
      fs.closeSync(from)
      fs.closeSync(to)
    },
  },
  {
    name: 'flags of files and directories',
    needs: ['descriptors', 'file flags'],
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, 'content')
      fs.mkdirSync(`${at}/d`)
      fs.writeFileSync(`${at}/removed`, 'content')
    },
    run({ path, equal }) {
      for (const name of ['f', 'd']) {
        const fd = fs.openSync(path(name), 'r')
        equal(`${name}: none`, flagsOf(fd), 0)
        equal(`${name}: given`, giveFlags(fd, NODUMP), 0)
        equal(`${name}: there`, flagsOf(fd), NODUMP)
        fs.closeSync(fd)
      }
      equal('content', fs.readFileSync(path('f'), 'latin1'), 'content')
      const fd = fs.openSync(path('removed'), 'r+')
      fs.unlinkSync(path('removed'))
      equal('a removed one: given', giveFlags(fd, NODUMP), 0)
      equal('a removed one: there', flagsOf(fd), NODUMP)
      fs.closeSync(fd)
    },
  },
  {
    name: 'a file that can only be appended to',
    needs: ['descriptors', 'file flags', 'owners'],
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, 'one ')
    },
    run({ path, equal, code }) {
      const mark = (flags: number): number => {
        const fd = fs.openSync(path('f'), 'r')
        try {
          return giveFlags(fd, flags)
        } finally {
          fs.closeSync(fd)
        }
      }
      equal('given', mark(APPEND), 0)
      const append = (): void => fs.appendFileSync(path('f'), 'two')
      equal('appended to', code(append), 'ok')
      equal('content', fs.readFileSync(path('f'), 'latin1'), 'one two')
      equal(
        'open for writing',
        code(() => fs.closeSync(fs.openSync(path('f'), 'r+'))),
        'EPERM',
      )
      equal(
        'emptied',
        code(() => fs.truncateSync(path('f'))),
        'EPERM',
      )
      const emptying = fs.constants.O_WRONLY | fs.constants.O_APPEND | fs.constants.O_TRUNC
      equal(
        'while appending',
        code(() => fs.closeSync(fs.openSync(path('f'), emptying))),
        'EPERM',
      )
      equal(
        'removed',
        code(() => fs.unlinkSync(path('f'))),
        'EPERM',
      )
      equal('content', fs.readFileSync(path('f'), 'latin1'), 'one two')
      equal('taken away', mark(0), 0)
      equal(
        'removed then',
        code(() => fs.unlinkSync(path('f'))),
        'ok',
      )
    },
  },
]
