import fs from 'node:fs'
import module from 'node:module'
import path from 'node:path'
import t from 'tap'
import { ownCacheDirectory } from '../../cli/compile-cache.ts'
import { shale } from '../support/cli.ts'
import { temporaryDirectory } from '../support/temporary.ts'

t.test('a folder of this user’s alone, or none', async (t) => {
  const home = temporaryDirectory(t)
  const wanted = path.join(home, '.cache/shale/code')
  t.equal(ownCacheDirectory({ HOME: home }), wanted)
  t.equal(fs.statSync(wanted).mode & 0o777, 0o700)
  t.equal(ownCacheDirectory({ HOME: home }), wanted, 'the second time too')
  t.equal(
    ownCacheDirectory({ HOME: home, XDG_CACHE_HOME: path.join(home, 'elsewhere') }),
    path.join(home, 'elsewhere/shale/code'),
  )
  t.equal(ownCacheDirectory({ HOME: home, XDG_CACHE_HOME: 'relative' }), wanted)
  for (const [what, env] of [
    ['no home', {}],
    ['a home that is not there', { HOME: path.join(home, 'gone') }],
    ['a home that is a file', { HOME: process.execPath }],
  ] as const)
    t.equal(ownCacheDirectory(env), undefined, what)
  t.notOk(fs.existsSync(path.join(home, 'gone')))

  fs.chmodSync(wanted, 0o777)
  t.equal(ownCacheDirectory({ HOME: home }), undefined, 'others may write there')
  fs.rmdirSync(wanted)
  fs.mkdirSync(path.join(home, 'theirs'))
  fs.symlinkSync('../../theirs', wanted)
  t.equal(ownCacheDirectory({ HOME: home }), undefined, 'a link')
})

t.test(
  'somebody else’s home',
  { skip: process.getuid!() === 0 ? false : 'needs root, to give a folder away' },
  async (t) => {
    const home = temporaryDirectory(t)
    fs.chownSync(home, 65534, 65534)
    t.equal(ownCacheDirectory({ HOME: home }), undefined)
    t.same(fs.readdirSync(home), [], 'and nothing is left there')
  },
)

t.test(
  'a second run finds the compiled program of the first',
  { skip: 'enableCompileCache' in module ? false : 'this Node keeps no compiled code' },
  async (t) => {
    const home = temporaryDirectory(t)
    const env = {
      HOME: home,
      XDG_CACHE_HOME: '',
      NODE_COMPILE_CACHE: '',
      NODE_DISABLE_COMPILE_CACHE: undefined,
    }
    const first = shale(['--version'], { env })
    t.equal(first.stderr, '')
    const kept = fs.readdirSync(path.join(home, '.cache/shale/code'), { recursive: true })
    t.ok(kept.length > 2, 'code was kept')
    t.same(shale(['--version'], { env }).stdout, first.stdout)
  },
)
