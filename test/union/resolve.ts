import t from 'tap'
import { NotFoundError } from '../../src/errors.ts'
import { pathFromText } from '../../src/path/byte-path.ts'
import { mergeLayers } from '../../src/union/merge.ts'
import { resolvePath, SYMLINKS_MAX } from '../../src/union/resolve.ts'
import { directory, file, memoryLayer, symlink } from '../support/memory-layer.ts'

const chain = Array.from({ length: SYMLINKS_MAX + 1 }, (_, i) => symlink(`l${i}`, `l${i + 1}`))
const view = mergeLayers([
  memoryLayer(symlink('etc/os', '../usr/lib/os'), file('home/f'), directory('home/d')),
  memoryLayer(
    file('usr/lib/os'),
    symlink('lib', 'usr/lib'),
    symlink('abs', '/usr/lib'),
    symlink('out', '../../../../usr'),
    symlink('self', 'self'),
    symlink('dangling', 'nowhere'),
    symlink('slashed', 'usr/'),
    symlink('file-slashed', 'usr/lib/os/'),
    ...chain,
    file(`l${SYMLINKS_MAX + 1}`),
  ),
])
const resolve = (path: string, followLast = true): string =>
  resolvePath(view, pathFromText(path), { followLast }).path

t.test('what the kernel would reach in a chroot of the image', async (t) => {
  t.equal(resolve(''), '')
  t.equal(resolve('/'), '')
  t.equal(resolve('/home/f'), 'home/f')
  t.equal(resolve('./home/.//f'), 'home/f')
  t.equal(resolve('etc/os'), 'usr/lib/os', 'across layers')
  t.equal(resolve('lib/os'), 'usr/lib/os')
  t.equal(resolve('abs/os'), 'usr/lib/os')
  t.equal(resolve('../../home/../usr'), 'usr', 'the parent of the root is the root')
  t.equal(resolve('out/lib/os'), 'usr/lib/os', 'and for a link as well')
  t.equal(resolve('lib/..'), 'usr', 'the parent of what the link points to')
  t.equal(resolve('lib', false), 'lib')
  t.equal(resolve('lib/', false), 'usr/lib', 'a trailing slash follows')
  t.equal(resolve('slashed'), 'usr')
  t.equal(resolve('dangling', false), 'dangling')
})

const failures: readonly [string, RegExp, string][] = [
  ['nope', /^cannot find \/nope in the image: there is no such file$/, '/nope'],
  ['home/f/x', /\/home\/f: it is not a directory$/, '/home/f'],
  ['home/f/', /\/home\/f: it is not a directory$/, '/home/f'],
  ['home/f/..', /\/home\/f: it is not a directory$/, '/home/f'],
  ['file-slashed', /\/usr\/lib\/os: it is not a directory$/, '/usr/lib/os'],
  ['dangling', /\/nowhere: there is no such file$/, '/nowhere'],
  ['self', /more than 40 symbolic links/, '/self'],
  ['l0', /more than 40 symbolic links/, '/l40'],
]
for (const [path, message, at] of failures) {
  t.test(`${path} is refused by name and reason`, async (t) => {
    try {
      resolve(path)
      t.fail('resolved')
    } catch (error) {
      t.type(error, NotFoundError)
      t.match(error, { code: 'ERR_PATH_NOT_FOUND', message, details: { at } })
    }
  })
}

t.test('forty links are followed', async (t) => {
  t.equal(resolve('l1'), `l${SYMLINKS_MAX + 1}`)
})

t.test('an image without layers has no paths', async (t) => {
  t.throws(() => resolvePath(mergeLayers([]), pathFromText('x')), { code: 'ERR_PATH_NOT_FOUND' })
})
