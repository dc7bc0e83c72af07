// Which time a call changes (stat(2), utimensat(2)), and that a copy-up is no change. Times are set back first, so that
// "now" is whatever is not the old time; nothing here waits or measures.

import type { Check, Need, Trial } from './trial.ts'

const OLD_MS = 1_000_000_000_000
const OLD = OLD_MS / 1000

interface Change {
  readonly name: string
  readonly needs?: readonly Need[]
  readonly call: (trial: Trial) => void
  /** Whose modification time is new, of f (a file), d (a directory) and the directory they are in. */
  readonly modifies: string
}

const CHANGES: readonly Change[] = [
  { name: 'stat', call: ({ fs, path }) => fs.lstatSync(path('f')), modifies: '' },
  { name: 'read', call: ({ fs, path }) => fs.readFileSync(path('f')), modifies: '' },
  { name: 'readdir', call: ({ fs, path }) => fs.readdirSync(path('d')), modifies: '' },
  { name: 'chmod', call: ({ fs, path }) => fs.chmodSync(path('f'), 0o600), modifies: '' },
  {
    name: 'chown',
    needs: ['owners'],
    call: ({ fs, path }) => fs.chownSync(path('f'), 1, 1),
    modifies: '',
  },
  {
    name: 'chmod of a directory',
    call: ({ fs, path }) => fs.chmodSync(path('d'), 0o700),
    modifies: '',
  },
  {
    name: 'setxattr',
    call: ({ subject, path }) => subject.setXattr(path('f'), 'user.a', Buffer.from('v')),
    modifies: '',
  },
  { name: 'write', call: ({ fs, path }) => fs.writeFileSync(path('f'), 'new'), modifies: 'f' },
  {
    name: 'opening for writing',
    call: ({ fs, path }) => fs.closeSync(fs.openSync(path('f'), 'r+')),
    modifies: '',
  },
  { name: 'append', call: ({ fs, path }) => fs.appendFileSync(path('f'), 'new'), modifies: 'f' },
  { name: 'truncate', call: ({ fs, path }) => fs.truncateSync(path('f'), 1), modifies: 'f' },
  {
    name: 'truncate to its own size',
    call: ({ fs, path }) => fs.truncateSync(path('f'), 7),
    modifies: 'f',
  },
  { name: 'link', call: ({ fs, path }) => fs.linkSync(path('f'), path('g')), modifies: '.' },
  { name: 'symlink', call: ({ fs, path }) => fs.symlinkSync('f', path('g')), modifies: '.' },
  { name: 'mkdir', call: ({ fs, path }) => fs.mkdirSync(path('g')), modifies: '.' },
  { name: 'mkdir below', call: ({ fs, path }) => fs.mkdirSync(path('d', 'g')), modifies: 'd' },
  {
    name: 'create below',
    call: ({ fs, path }) => fs.writeFileSync(path('d', 'g'), ''),
    modifies: 'd',
  },
  { name: 'unlink', call: ({ fs, path }) => fs.unlinkSync(path('e')), modifies: '.' },
  { name: 'unlink below', call: ({ fs, path }) => fs.unlinkSync(path('d', 'x')), modifies: 'd' },
  { name: 'rename', call: ({ fs, path }) => fs.renameSync(path('e'), path('g')), modifies: '.' },
  {
    name: 'rename down',
    call: ({ fs, path }) => fs.renameSync(path('e'), path('d', 'g')),
    modifies: 'd.',
  },
  {
    name: 'a mkdir that fails',
    call: ({ fs, path, code }) => code(() => fs.mkdirSync(path('d'))),
    modifies: '',
  },
  {
    name: 'an rmdir that fails',
    call: ({ fs, path, code }) => code(() => fs.rmdirSync(path('d'))),
    modifies: '',
  },
]

const modified: Check[] = CHANGES.map(({ name, call, modifies, needs = [] }): Check => {
  const setBack = (fs: Trial['fs'], at: string): void => {
    for (const each of ['f', 'e', 'd/x', 'd', '.']) fs.utimesSync(`${at}/${each}`, OLD, OLD)
  }
  return {
    name: `mtime after ${name}`,
    needs,
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, 'content')
      fs.writeFileSync(`${at}/e`, '')
      fs.mkdirSync(`${at}/d`)
      fs.writeFileSync(`${at}/d/x`, '')
      setBack(fs, at)
    },
    run(trial) {
      const { fs, path, equal } = trial
      call(trial)
      for (const each of ['f', 'd', '.']) {
        const isNew = fs.lstatSync(path(each)).mtimeMs !== OLD_MS
        equal(each, isNew, modifies.includes(each))
      }
    },
  }
})

export const timeChecks: readonly Check[] = [
  ...modified,
  {
    name: 'utimes, exactly',
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, 'content')
      fs.mkdirSync(`${at}/d`)
      fs.symlinkSync('f', `${at}/l`)
    },
    run({ fs, path, code, equal }) {
      for (const name of ['f', 'd', 'l']) {
        fs.utimesSync(path(name), 1234.5, 2345.25)
        equal(`${name}: atime`, fs.statSync(path(name)).atimeMs, 1_234_500)
        equal(`${name}: mtime`, fs.statSync(path(name)).mtimeMs, 2_345_250)
      }
      const ctimeMs = fs.lstatSync(path('f')).ctimeMs
      equal('ctime is now', ctimeMs > OLD_MS, true)
      fs.utimesSync(path('f'), new Date(-1500), 0)
      equal('before 1970', fs.lstatSync(path('f')).atimeMs, -1500)
      equal(
        'nothing',
        code(() => fs.utimesSync(path('no'), 1, 1)),
        'ENOENT',
      )
      const fd = fs.openSync(path('f'), 'r')
      fs.futimesSync(fd, 7, 8)
      equal('by descriptor', fs.fstatSync(fd).mtimeMs, 8000)
      fs.closeSync(fd)
    },
  },
  {
    name: 'a new thing has new times',
    run({ fs, path, equal }) {
      fs.writeFileSync(path('f'), '')
      fs.mkdirSync(path('d'))
      fs.symlinkSync('x', path('l'))
      for (const name of ['f', 'd', 'l']) {
        const { atimeMs, mtimeMs, ctimeMs } = fs.lstatSync(path(name))
        equal(`${name}: atime`, atimeMs > OLD_MS, true)
        equal(`${name}: mtime`, mtimeMs > OLD_MS, true)
        equal(`${name}: ctime`, ctimeMs > OLD_MS, true)
      }
    },
  },
]
