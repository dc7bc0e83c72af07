import path from 'node:path'
import t from 'tap'
import { defaultRoot, userRoot } from '../../src/store/default-root.ts'
import { shale } from '../support/cli.ts'
import { unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

t.test('by what the environment says', async (t) => {
  t.equal(defaultRoot({ SHALE_ROOT: '/srv/store', HOME: '/home/a' }), '/srv/store')
  t.equal(defaultRoot({ SHALE_ROOT: 'store' }), path.resolve('store'))
  t.equal(userRoot({ XDG_DATA_HOME: '/data', HOME: '/home/a' }), '/data/shale')
  t.equal(userRoot({ HOME: '/home/a' }), '/home/a/.local/share/shale')
  t.equal(userRoot({ XDG_DATA_HOME: '', HOME: '/home/a' }), '/home/a/.local/share/shale')
})

t.test('never where one happens to stand', async (t) => {
  t.equal(userRoot({ XDG_DATA_HOME: 'data', HOME: '/home/a' }), '/home/a/.local/share/shale')
  for (const env of [{}, { HOME: '' }, { HOME: 'home' }]) {
    let root: string
    try {
      root = userRoot(env)
    } catch (error) {
      t.match(error, { code: 'ERR_HOST', message: /has no home directory/ }, 'by a user of no name')
      continue
    }
    t.ok(path.isAbsolute(root), root)
  }
})

t.test('a user without a home is told what to do', { skip: unless({ root: true }) }, async (t) => {
  const env = { HOME: undefined, XDG_DATA_HOME: undefined, SHALE_ROOT: undefined }
  const user = { uid: 54_321, gid: 54_321, cwd: '/', env }
  const done = shale(['images'], user)
  t.equal(done.code, 1)
  t.equal(
    done.stderr,
    'shale: cannot tell where the store is: user 54321 has no home directory; name a place with --root, SHALE_ROOT or HOME\n',
  )
  const root = path.join(temporaryDirectory(t), 'root')
  t.equal(shale(['--root', root, 'chainid', '0'.repeat(64)], user).code, 0)
})
