// Names and what they count: link counts, hardlinks, symbolic links, directories, names and paths that are too long.

import * as calls from '../../src/sys/file-calls.ts'
import type { Check } from './trial.ts'

export const nameChecks: readonly Check[] = [
  {
    name: 'hardlinks are one file',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/a`, 'content')
      fs.mkdirSync(`${at}/d`)
    },
    run({ fs, path, code, equal }) {
      fs.linkSync(path('a'), path('b'))
      fs.linkSync(path('b'), path('d', 'c'))
      for (const name of ['a', 'b', 'd/c']) {
        equal(`${name}: links`, fs.lstatSync(path(name)).nlink, 3)
        equal(`${name}: number`, fs.lstatSync(path(name)).ino, fs.lstatSync(path('a')).ino)
      }
      fs.writeFileSync(path('b'), 'changed')
      fs.chmodSync(path('a'), 0o600)
      equal('content', String(fs.readFileSync(path('d', 'c'), 'utf8')), 'changed')
      equal('mode', fs.lstatSync(path('d', 'c')).mode & 0o7777, 0o600)
      fs.unlinkSync(path('a'))
      equal('links left', fs.lstatSync(path('b')).nlink, 2)
      equal(
        'to itself',
        code(() => fs.linkSync(path('b'), path('b'))),
        'EEXIST',
      )
      equal(
        'to a directory',
        code(() => fs.linkSync(path('d'), path('e'))),
        'EPERM',
      )
      equal(
        'of nothing',
        code(() => fs.linkSync(path('no'), path('e'))),
        'ENOENT',
      )
      equal(
        'over a name',
        code(() => fs.linkSync(path('b'), path('d'))),
        'EEXIST',
      )
      equal(
        'into nothing',
        code(() => fs.linkSync(path('b'), path('no', 'e'))),
        'ENOENT',
      )
    },
  },
  {
    name: 'a hardlink to a symbolic link is to the link',
    needs: ['links of one’s own'],
    prepare(fs, at) {
      fs.symlinkSync('nowhere', `${at}/l`)
    },
    run({ fs, path, equal }) {
      fs.linkSync(path('l'), path('m'))
      equal('target', String(fs.readlinkSync(path('m'))), 'nowhere')
      equal('links', fs.lstatSync(path('l')).nlink, 2)
    },
  },
  {
    name: 'unlink, rmdir and mkdir where they may not',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, '')
      fs.mkdirSync(`${at}/d`)
      fs.mkdirSync(`${at}/full`)
      fs.writeFileSync(`${at}/full/x`, '')
      fs.symlinkSync('d', `${at}/l`)
    },
    run({ fs, path, code, equal }) {
      equal(
        'unlink a directory',
        code(() => fs.unlinkSync(path('d'))),
        'EISDIR',
      )
      equal(
        'unlink with a slash',
        code(() => fs.unlinkSync(path('f/'))),
        'ENOTDIR',
      )
      equal(
        'unlink below a file',
        code(() => fs.unlinkSync(path('f', 'x'))),
        'ENOTDIR',
      )
      equal(
        'rmdir a file',
        code(() => fs.rmdirSync(path('f'))),
        'ENOTDIR',
      )
      equal(
        'rmdir a link',
        code(() => fs.rmdirSync(path('l'))),
        'ENOTDIR',
      )
      equal(
        'rmdir a full one',
        code(() => fs.rmdirSync(path('full'))),
        'ENOTEMPTY',
      )
      equal(
        'rmdir .',
        code(() => fs.rmdirSync(path('d', '.'))),
        'EINVAL',
      )
      equal(
        'rmdir ..',
        code(() => fs.rmdirSync(path('d', '..'))),
        'ENOTEMPTY',
      )
      equal(
        'rmdir nothing',
        code(() => fs.rmdirSync(path('no'))),
        'ENOENT',
      )
      equal(
        'mkdir over a file',
        code(() => fs.mkdirSync(path('f'))),
        'EEXIST',
      )
      equal(
        'mkdir over a link',
        code(() => fs.mkdirSync(path('l'))),
        'EEXIST',
      )
      equal(
        'mkdir .',
        code(() => fs.mkdirSync(path('d', '.'))),
        'EEXIST',
      )
      equal(
        'mkdir in nothing',
        code(() => fs.mkdirSync(path('no', 'x'))),
        'ENOENT',
      )
      equal(
        'mkdir with a slash',
        code(() => fs.mkdirSync(path('new/'))),
        'ok',
      )
      equal(
        'rmdir with a slash',
        code(() => fs.rmdirSync(path('new/'))),
        'ok',
      )
      fs.unlinkSync(path('full', 'x'))
      equal(
        'rmdir an emptied one',
        code(() => fs.rmdirSync(path('full'))),
        'ok',
      )
      equal(
        'mkdir again',
        code(() => fs.mkdirSync(path('full'))),
        'ok',
      )
      equal('nothing comes back', fs.readdirSync(path('full')).length, 0)
    },
  },
  {
    name: 'a directory that is gone while it is open',
    prepare(fs, at) {
      fs.mkdirSync(`${at}/d`)
    },
    run({ fs, path, code, equal }) {
      const fd = fs.openSync(path('d'), 'r')
      fs.rmdirSync(path('d'))
      equal('still a directory', fs.fstatSync(fd).isDirectory(), true)
      equal(
        'by name',
        code(() => fs.readdirSync(path('d'))),
        'ENOENT',
      )
      fs.closeSync(fd)
    },
  },
  {
    name: 'long names',
    run({ fs, path, code, equal }) {
      const longest = 'n'.repeat(255)
      const tooLong = 'n'.repeat(256)
      fs.writeFileSync(path(longest), 'long')
      equal('255 bytes', String(fs.readFileSync(path(longest), 'utf8')), 'long')
      equal('listed', fs.readdirSync(path()).join(), longest)
      equal(
        'stat 256',
        code(() => fs.lstatSync(path(tooLong))),
        'ENAMETOOLONG',
      )
      equal(
        'open 256',
        code(() => fs.openSync(path(tooLong), 'w')),
        'ENAMETOOLONG',
      )
      equal(
        'mkdir 256',
        code(() => fs.mkdirSync(path(tooLong))),
        'ENAMETOOLONG',
      )
      equal(
        'rename to 256',
        code(() => fs.renameSync(path(longest), path(tooLong))),
        'ENAMETOOLONG',
      )
      equal(
        'link to 256',
        code(() => fs.linkSync(path(longest), path(tooLong))),
        'ENAMETOOLONG',
      )
      equal(
        'umlauts',
        code(() => fs.mkdirSync(path('ü'.repeat(127)))),
        'ok',
      )
      equal(
        '128 umlauts',
        code(() => fs.mkdirSync(path('ü'.repeat(128)))),
        'ENAMETOOLONG',
      )
      equal(
        '4096 bytes',
        code(() => fs.lstatSync('/x'.repeat(2048))),
        'ENAMETOOLONG',
      )
      fs.unlinkSync(path(longest))
      equal(
        'gone',
        code(() => fs.lstatSync(path(longest))),
        'ENOENT',
      )
    },
  },
  {
    name: 'unusual names',
    run({ fs, path, equal }) {
      const names = [
        ' ',
        '*',
        '-',
        '.a',
        '...',
        '\\',
        'a\nb',
        'a\tb',
        '日本語',
        '#1',
        '~',
        '"',
      ].sort()
      for (const name of names) fs.writeFileSync(path(name), name)
      equal('listed', fs.readdirSync(path()).sort().join('|'), names.join('|'))
      for (const name of names) fs.unlinkSync(path(name))
      equal('removed', fs.readdirSync(path()).length, 0)
    },
  },
  {
    name: 'symbolic links',
    prepare(fs, at) {
      fs.mkdirSync(`${at}/d`)
      fs.writeFileSync(`${at}/d/f`, 'content')
      fs.symlinkSync('d', `${at}/to-d`)
      fs.symlinkSync('to-d/f', `${at}/to-f`)
      for (let i = 1; i <= 41; i++) fs.symlinkSync(i === 1 ? 'd' : `l${i - 1}`, `${at}/l${i}`)
    },
    run({ fs, path, code, equal }) {
      equal('through two', String(fs.readFileSync(path('to-f'), 'utf8')), 'content')
      equal('size', fs.lstatSync(path('to-f')).size, 6)
      equal('readlink', String(fs.readlinkSync(path('to-f'))), 'to-d/f')
      equal(
        'readlink of a file',
        code(() => fs.readlinkSync(path('d', 'f'))),
        'EINVAL',
      )
      equal(
        '40 on the way',
        code(() => fs.statSync(path('l40'))),
        'ok',
      )
      equal(
        '41 on the way',
        code(() => fs.statSync(path('l41'))),
        'ELOOP',
      )
      equal(
        'lstat of the 41st',
        code(() => fs.lstatSync(path('l41'))),
        'ok',
      )
      equal(
        'empty target',
        code(() => fs.symlinkSync('', path('e'))),
        'ENOENT',
      )
      equal(
        'over a name',
        code(() => fs.symlinkSync('x', path('d'))),
        'EEXIST',
      )
      equal(
        'long target',
        code(() => fs.symlinkSync('x'.repeat(4095), path('e'))),
        'ok',
      )
      equal(
        'too long',
        code(() => fs.symlinkSync('x'.repeat(4096), path('g'))),
        'ENAMETOOLONG',
      )
    },
  },
  {
    name: 'a directory further down than one path can say',
    needs: ['descriptors'],
    run({ fs, path, equal }) {
      const name = 'x'.repeat(100)
      const top = fs.openSync(path('.'), 'r')
      const open = (dir: number, flags: number): number => calls.openAt(dir, name, flags, 0o644)
      let dir = top
      for (let depth = 1; depth <= 60; depth++) {
        const made = calls.mkdirAt(dir, name, 0o755)
        const next = open(dir, calls.O.RDONLY | calls.O.DIRECTORY)
        if (dir !== top) calls.close(dir)
        if (made < 0 || next < 0) equal(`level ${depth}`, Math.min(made, next), 0)
        dir = next
      }
      const file = open(dir, calls.O.CREAT | calls.O.RDWR)
      equal('written', calls.writeAll(file, Buffer.from('deep')), 4)
      calls.close(file)
      equal('renamed', calls.renameAt(dir, name, dir, 'file'), 0)
      const names = calls.readDirectory(dir)
      equal('names', Array.isArray(names) ? names.map((each) => each.name).join() : names, 'file')
      const again = calls.openAt(dir, 'file', calls.O.RDONLY)
      const bytes = Buffer.alloc(8)
      equal('read', calls.read(again, bytes), 4)
      equal('content', bytes.toString('latin1', 0, 4), 'deep')
      calls.close(again)
      calls.close(dir)
      // Whoever removes what the tests leave may go by paths.
      equal('removed', calls.removeTree(top, name), 0)
      fs.closeSync(top)
    },
  },
]
