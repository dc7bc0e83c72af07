// Who may do what: mode bits, other users, sticky and setgid directories, and what chown, chmod and write take away
// (path_resolution(7), chmod(2), chown(2), unlink(2), inode_init_owner of fs/inode.c).

import { constants } from 'node:fs'
import type { Check } from './trial.ts'

const { R_OK, W_OK, X_OK } = constants
const OWNER = 1001
const OTHER = 1002
const GROUP = 2001

/** What a file of that mode, of OWNER and GROUP, allows: to each class, read, write and execute. */
const accessMatrix: Check[] = [0o000, 0o100, 0o400, 0o640, 0o604, 0o751, 0o477, 0o047].map(
  (mode): Check => ({
    name: `access to a file of mode ${mode.toString(8)}`,
    needs: ['users'],
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, '')
      fs.chownSync(`${at}/f`, OWNER, GROUP)
      fs.chmodSync(`${at}/f`, mode)
    },
    run({ fs, path, code, as, equal }) {
      const classes = [
        ['owner', OWNER, OTHER, 6],
        ['group', OTHER, GROUP, 3],
        ['other', OTHER, OTHER, 0],
      ] as const
      for (const [name, user, group, shift] of classes) {
        const bits = (mode >> shift) & 7
        for (const [flag, bit, how] of [
          ['r', R_OK, 'read'],
          ['r+', R_OK | W_OK, 'read and write'],
        ] as const) {
          const expected = (bits & bit) === bit ? 'ok' : 'EACCES'
          const open = (): void => fs.closeSync(fs.openSync(path('f'), flag))
          equal(
            `${name}: ${how}`,
            as(user, group, () => code(open)),
            expected,
          )
        }
        const change = as(user, group, () => code(() => fs.chmodSync(path('f'), mode)))
        equal(`${name}: chmod`, change, name === 'owner' ? 'ok' : 'EPERM')
        const give = as(user, group, () => code(() => fs.chownSync(path('f'), OTHER, -1)))
        equal(`${name}: chown`, give, 'EPERM')
        const time = as(user, group, () => code(() => fs.utimesSync(path('f'), 1, 2)))
        equal(`${name}: utimes`, time, name === 'owner' ? 'ok' : 'EPERM')
      }
    },
  }),
)

const directoryMatrix: Check[] = [0o000, 0o700, 0o711, 0o744, 0o755, 0o777].map((mode): Check => ({
  name: `names in a directory of mode ${mode.toString(8)}`,
  needs: ['users'],
  prepare(fs, at) {
    fs.mkdirSync(`${at}/d`)
    fs.writeFileSync(`${at}/d/f`, '')
    fs.chmodSync(`${at}/d/f`, 0o666)
    fs.chownSync(`${at}/d`, OWNER, GROUP)
    fs.chmodSync(`${at}/d`, mode)
  },
  run({ fs, path, code, as, equal }) {
    const may = (bits: number): string => ((mode & bits) === bits ? 'ok' : 'EACCES')
    const other = (action: () => unknown): string => as(OTHER, OTHER, () => code(action))
    equal(
      'list',
      other(() => fs.readdirSync(path('d'))),
      may(R_OK),
    )
    equal(
      'stat',
      other(() => fs.lstatSync(path('d', 'f'))),
      may(X_OK),
    )
    equal(
      'read',
      other(() => fs.readFileSync(path('d', 'f'))),
      may(X_OK),
    )
    equal(
      'make',
      other(() => fs.mkdirSync(path('d', 'new'))),
      may(W_OK | X_OK),
    )
    equal(
      'link',
      other(() => fs.symlinkSync('x', path('d', 'l'))),
      may(W_OK | X_OK),
    )
    equal(
      'rename',
      other(() => fs.renameSync(path('d', 'f'), path('d', 'g'))),
      may(W_OK | X_OK),
    )
    const left = may(W_OK | X_OK) === 'ok' ? 'g' : 'f'
    equal(
      'unlink',
      other(() => fs.unlinkSync(path('d', left))),
      may(W_OK | X_OK),
    )
  },
}))

export const permissionChecks: readonly Check[] = [
  ...accessMatrix,
  ...directoryMatrix,
  {
    name: 'a sticky directory',
    needs: ['users'],
    prepare(fs, at) {
      fs.mkdirSync(`${at}/t`)
      fs.chmodSync(`${at}/t`, 0o1777)
      for (const name of ['a', 'b', 'c']) {
        fs.writeFileSync(`${at}/t/${name}`, name)
        fs.chownSync(`${at}/t/${name}`, OWNER, GROUP)
      }
      fs.mkdirSync(`${at}/t/d`)
      fs.chownSync(`${at}/t/d`, OWNER, GROUP)
    },
    run({ fs, path, code, as, equal }) {
      const other = (action: () => unknown): string => as(OTHER, GROUP, () => code(action))
      const owner = (action: () => unknown): string => as(OWNER, OTHER, () => code(action))
      equal(
        'unlink by another',
        other(() => fs.unlinkSync(path('t', 'a'))),
        'EPERM',
      )
      equal(
        'rmdir by another',
        other(() => fs.rmdirSync(path('t', 'd'))),
        'EPERM',
      )
      equal(
        'rename by another',
        other(() => fs.renameSync(path('t', 'a'), path('t', 'x'))),
        'EPERM',
      )
      other(() => fs.writeFileSync(path('t', 'mine'), ''))
      const over = other(() => fs.renameSync(path('t', 'mine'), path('t', 'a')))
      equal('rename over it by another', over, 'EPERM')
      equal(
        'unlink by its owner',
        owner(() => fs.unlinkSync(path('t', 'a'))),
        'ok',
      )
      equal(
        'rename by its owner',
        owner(() => fs.renameSync(path('t', 'b'), path('t', 'y'))),
        'ok',
      )
      equal(
        'rmdir by its owner',
        owner(() => fs.rmdirSync(path('t', 'd'))),
        'ok',
      )
    },
  },
  {
    name: 'a setgid directory gives its group',
    needs: ['users'],
    prepare(fs, at) {
      fs.mkdirSync(`${at}/s`)
      fs.chownSync(`${at}/s`, OWNER, GROUP)
      fs.chmodSync(`${at}/s`, 0o2777)
    },
    run({ fs, path, as, equal }) {
      as(OTHER, OTHER, () => {
        fs.writeFileSync(path('s', 'f'), '')
        fs.mkdirSync(path('s', 'd'))
        fs.symlinkSync('x', path('s', 'l'))
        fs.closeSync(fs.openSync(path('s', 'x'), 'wx', 0o2755))
      })
      for (const name of ['f', 'd', 'l', 'x']) {
        const stats = fs.lstatSync(path('s', name))
        equal(`${name}: owner`, stats.uid, OTHER)
        equal(`${name}: group`, stats.gid, GROUP)
      }
      equal('a directory inherits the bit', fs.lstatSync(path('s', 'd')).mode & 0o7000, 0o2000)
      equal('a file does not', fs.lstatSync(path('s', 'f')).mode & 0o7000, 0)
      equal('nor may it ask for it', fs.lstatSync(path('s', 'x')).mode & 0o7000, 0)
    },
  },
  {
    name: 'chmod of setgid by one who is not in the group',
    needs: ['users'],
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, '')
      fs.chownSync(`${at}/f`, OWNER, GROUP)
    },
    run({ fs, path, as, equal }) {
      as(OWNER, OTHER, () => fs.chmodSync(path('f'), 0o6755))
      equal('mode', fs.lstatSync(path('f')).mode & 0o7777, 0o4755)
      as(OWNER, GROUP, () => fs.chmodSync(path('f'), 0o6755))
      equal('mode for a member', fs.lstatSync(path('f')).mode & 0o7777, 0o6755)
    },
  },
  {
    name: 'writing as another user takes setuid and setgid away',
    needs: ['users'],
    prepare(fs, at) {
      for (const name of ['w', 't', 'r']) {
        fs.writeFileSync(`${at}/${name}`, 'content')
        fs.chmodSync(`${at}/${name}`, 0o6777)
      }
    },
    run({ fs, path, as, equal }) {
      as(OTHER, OTHER, () => {
        const fd = fs.openSync(path('w'), 'r+')
        fs.writeSync(fd, Buffer.from('x'), 0, 1, 0)
        fs.closeSync(fd)
        fs.truncateSync(path('t'), 1)
        fs.readFileSync(path('r'))
      })
      equal('write', fs.lstatSync(path('w')).mode & 0o7777, 0o777)
      equal('truncate', fs.lstatSync(path('t')).mode & 0o7777, 0o777)
      equal('read', fs.lstatSync(path('r')).mode & 0o7777, 0o6777)
    },
  },
  {
    name: 'chown takes setuid and setgid away, also from root',
    needs: ['owners'],
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, '')
      fs.chmodSync(`${at}/f`, 0o6755)
      fs.writeFileSync(`${at}/g`, '')
      fs.chmodSync(`${at}/g`, 0o6745)
      fs.mkdirSync(`${at}/d`)
      fs.chmodSync(`${at}/d`, 0o6755)
    },
    run({ fs, path, equal }) {
      for (const name of ['f', 'g', 'd']) fs.chownSync(path(name), OWNER, GROUP)
      equal('file', fs.lstatSync(path('f')).mode & 0o7777, 0o755)
      equal('mandatory locking', fs.lstatSync(path('g')).mode & 0o7777, 0o2745)
      equal('directory', fs.lstatSync(path('d')).mode & 0o7777, 0o6755)
      fs.chownSync(path('f'), -1, 7)
      equal(
        'group alone',
        `${fs.lstatSync(path('f')).uid}:${fs.lstatSync(path('f')).gid}`,
        `${OWNER}:7`,
      )
    },
  },
  {
    name: 'a group is given by its members',
    needs: ['users'],
    prepare(fs, at) {
      fs.writeFileSync(`${at}/f`, '')
      fs.chownSync(`${at}/f`, OWNER, OTHER)
    },
    run({ fs, path, code, as, equal }) {
      equal(
        'to its own',
        as(OWNER, GROUP, () => code(() => fs.chownSync(path('f'), -1, GROUP))),
        'ok',
      )
      equal(
        'to another',
        as(OWNER, GROUP, () => code(() => fs.chownSync(path('f'), -1, 7))),
        'EPERM',
      )
      equal('is', fs.lstatSync(path('f')).gid, GROUP)
    },
  },
]
