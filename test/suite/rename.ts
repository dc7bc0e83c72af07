// rename(2) and renameat2(2): every kind of source on every kind of target, plain, RENAME_NOREPLACE and
// RENAME_EXCHANGE, with the errno that the manual page has for it, and what is there afterwards.

import { constants } from 'node:os'
import type { Subject } from '../support/union-operations.ts'
import type { Check, Trial } from './trial.ts'

const { ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY, EXDEV, EINVAL, EBUSY } = constants.errno

const KINDS = ['nothing', 'file', 'empty', 'full', 'link', 'pipe'] as const
type Kind = (typeof KINDS)[number]

function make(fs: Subject['fs'], at: string, kind: Kind, pipe?: (at: string) => void): void {
  if (kind === 'file') fs.writeFileSync(at, at)
  if (kind === 'empty' || kind === 'full') fs.mkdirSync(at)
  if (kind === 'full') fs.writeFileSync(`${at}/inside`, '')
  if (kind === 'link') fs.symlinkSync('nowhere', at)
  if (kind === 'pipe') pipe?.(at)
}

function kindOf({ fs, code }: Trial, at: string): Kind {
  if (code(() => fs.lstatSync(at)) !== 'ok') return 'nothing'
  const stats = fs.lstatSync(at)
  if (stats.isDirectory()) return fs.readdirSync(at).length === 0 ? 'empty' : 'full'
  if (stats.isSymbolicLink()) return 'link'
  return stats.isFIFO() ? 'pipe' : 'file'
}

const isDirectory = (kind: Kind): boolean => kind === 'empty' || kind === 'full'

/** In the order in which the kernel looks (fs/namei.c, then ovl_rename). */
function expected(trial: Trial, from: Kind, to: Kind, flags: number): number {
  const stays = (kind: Kind): boolean => isDirectory(kind) && trial.lower && !trial.movesDirectories
  if (from === 'nothing') return -ENOENT
  if (flags === 1 && to !== 'nothing') return -EEXIST
  if (flags === 2 && to === 'nothing') return -ENOENT
  if (flags !== 2 && to !== 'nothing') {
    if (isDirectory(from) && !isDirectory(to)) return -ENOTDIR
    if (!isDirectory(from) && isDirectory(to)) return -EISDIR
  }
  if (stays(from) || (flags === 2 && stays(to))) return -EXDEV
  if (to === 'full' && flags !== 2) return -ENOTEMPTY
  return 0
}

const matrix: Check[] = ([0, 1, 2] as const).flatMap((flags) =>
  KINDS.flatMap((from) =>
    KINDS.map((to): Check => {
      const name = `rename ${from} to ${to}, ${['plain', 'NOREPLACE', 'EXCHANGE'][flags]}`
      return {
        name,
        prepare(fs, at) {
          fs.mkdirSync(`${at}/x`)
          fs.mkdirSync(`${at}/y`)
          make(fs, `${at}/x/from`, from)
          make(fs, `${at}/y/to`, to)
        },
        run(trial) {
          const { subject, path, equal } = trial
          const source = path('x', 'from')
          const target = path('y', 'to')
          if (from === 'pipe') subject.mkfifo(source)
          if (to === 'pipe') subject.mkfifo(target)
          const wanted = expected(trial, from, to, flags)
          equal('result', subject.rename(source, target, flags), wanted)
          const [left, arrived] =
            wanted < 0 ? [from, to] : flags === 2 ? [to, from] : (['nothing', from] as const)
          equal('at the old name', kindOf(trial, source), left)
          equal('at the new name', kindOf(trial, target), arrived)
          equal('names left', trial.fs.readdirSync(path('x')).length, left === 'nothing' ? 0 : 1)
        },
      }
    }),
  ),
)

export const renameChecks: readonly Check[] = [
  ...matrix,
  {
    name: 'rename to another name of the same file does nothing',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/a`, 'a')
    },
    run({ fs, path, code, equal }) {
      fs.linkSync(path('a'), path('b'))
      equal(
        'result',
        code(() => fs.renameSync(path('a'), path('b'))),
        'ok',
      )
      equal('both are there', fs.readdirSync(path()).join(), 'a,b')
      equal('links', fs.lstatSync(path('b')).nlink, 2)
    },
  },
  {
    name: 'rename of a directory into itself',
    prepare(fs, at) {
      fs.mkdirSync(`${at}/d/e`, { recursive: true })
    },
    run({ subject, path, equal }) {
      equal('below itself', subject.rename(path('d'), path('d/e/f'), 0), -EINVAL)
      equal('onto its parent', subject.rename(path('d/e'), path('d'), 0), -ENOTEMPTY)
      equal('exchanged with its parent', subject.rename(path('d/e'), path('d'), 2), -EINVAL)
      equal('of .', subject.rename(path('d/.'), path('x'), 0), -EBUSY)
      equal('onto ..', subject.rename(path('d/e'), path('d/..'), 0), -EBUSY)
      equal('both flags', subject.rename(path('d/e'), path('x'), 3), -EINVAL)
    },
  },
  {
    name: 'rename with trailing slashes',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, '')
    },
    run({ subject, fs, path, equal }) {
      fs.mkdirSync(path('d'))
      equal('of a file', subject.rename(path('f/'), path('g'), 0), -ENOTDIR)
      equal('to a file', subject.rename(path('f'), path('g/'), 0), -ENOTDIR)
      equal('of a directory', subject.rename(path('d/'), path('e/'), 0), 0)
    },
  },
  {
    name: 'rename over a file that is open',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/old`, 'old')
      fs.writeFileSync(`${at}/new`, 'new')
    },
    run({ fs, path, equal }) {
      const fd = fs.openSync(path('old'), 'r')
      try {
        fs.renameSync(path('new'), path('old'))
        const bytes = Buffer.alloc(3)
        fs.readSync(fd, bytes, 0, 3, 0)
        equal('the open one', bytes.toString(), 'old')
        equal('by name', String(fs.readFileSync(path('old'), 'utf8')), 'new')
      } finally {
        fs.closeSync(fd)
      }
    },
  },
  {
    name: 'rename keeps number, owner, mode and times',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/a`, 'a')
      fs.chmodSync(`${at}/a`, 0o640)
      fs.utimesSync(`${at}/a`, 1000, 2000)
    },
    run({ fs, path, equal }) {
      const before = fs.lstatSync(path('a'))
      fs.renameSync(path('a'), path('b'))
      const after = fs.lstatSync(path('b'))
      equal('number', after.ino, before.ino)
      equal('mode', after.mode, before.mode)
      equal('mtime', after.mtimeMs, 2_000_000)
      equal('links', after.nlink, 1)
    },
  },
]
