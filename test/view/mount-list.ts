import path from 'node:path'
import t from 'tap'
import { parseMountInfo, type MountEntry } from '../../src/sys/mount-table.ts'
import { listViews, unmountView } from '../../src/view/mount-list.ts'
import fs from 'node:fs'
import { temporaryDirectory } from '../support/temporary.ts'

const line = (
  target: string,
  root: string,
  type: string,
  source: string,
  options: string,
): string => `36 25 0:51 ${root} ${target} ro,relatime shared:1 - ${type} ${source} ${options}`

t.test('which kernel mounts are of this store', async (t) => {
  const root = fs.realpathSync(temporaryDirectory(t))
  const home = path.join(root, 'overlay2')
  fs.mkdirSync(path.join(home, 'l'), { recursive: true })
  fs.mkdirSync(path.join(home, 'bbb/diff'), { recursive: true })
  fs.symlinkSync('../bbb/diff', path.join(home, 'l/SHORT'))
  const mounts = (...lines: string[]): MountEntry[] =>
    parseMountInfo([line('/', '/', 'ext4', '/dev/vda', 'rw'), ...lines].join('\n'))
  const seen = (...lines: string[]): unknown =>
    listViews({ home, merges: path.join(root, 'merges') }, mounts(...lines))

  t.same(seen(), [])
  t.same(
    seen(
      line('/m/a', '/', 'overlay', 'overlay', `ro,lowerdir=${home}/aaa/diff:${home}/bbb/diff`),
      line(
        '/m/b',
        '/',
        'overlay',
        'none',
        `ro,lowerdir+=${home}/bbb/diff,lowerdir+=${home}/aaa/diff`,
      ),
      line('/m/short', '/', 'overlay', 'overlay', 'ro,lowerdir=aaa/diff:l/SHORT'),
      line('/m/short2', '/', 'overlay', 'overlay', `ro,lowerdir=${home}/l/SHORT:l/SHORT`),
      line('/m/bind', `${home}/ccc/diff`, 'ext4', '/dev/vda', 'rw'),
      line('/m/vfs\\040dir', `${home}/ddd`, 'ext4', '/dev/vda', 'rw'),
    ),
    [
      { target: '/m/a', view: 'kernel', topCacheID: 'aaa' },
      { target: '/m/b', view: 'kernel', topCacheID: 'bbb' },
      { target: '/m/short', view: 'kernel', topCacheID: 'aaa' },
      { target: '/m/short2', view: 'kernel', topCacheID: 'bbb' },
      { target: '/m/bind', view: 'kernel', topCacheID: 'ccc' },
      { target: '/m/vfs dir', view: 'kernel', topCacheID: 'ddd' },
    ],
  )
  t.same(
    seen(
      line(
        '/m/other',
        '/',
        'overlay',
        'overlay',
        'ro,lowerdir=/elsewhere/aaa/diff:/elsewhere/bbb/diff',
      ),
      line(
        '/m/rw',
        '/',
        'overlay',
        'overlay',
        `rw,lowerdir=${home}/aaa/diff,upperdir=/u,workdir=/w`,
      ),
      line(
        `${home}/ccc/merged`,
        '/',
        'overlay',
        'overlay',
        `ro,lowerdir=${home}/aaa/diff:${home}/bbb/diff`,
      ),
      line('/m/deep', `${home}/ccc/diff/etc`, 'ext4', '/dev/vda', 'rw'),
      line('/m/twin', `${home}/ccc/diff`, 'ext4', '/dev/vdb', 'rw'),
    ),
    [{ target: '/m/rw', view: 'kernel', topCacheID: 'aaa' }],
    'a bundle with an upper of its own; not those of other stores, containers, dockerd, or of a part',
  )
})

t.test('a store on a file system of its own, and names that the table escapes', async (t) => {
  const mounts = parseMountInfo(
    [
      line('/', '/', 'ext4', '/dev/vda', 'rw'),
      line('/data', '/sub', 'xfs', '/dev/vdc', 'rw'),
      line('/m/bind', '/sub/store/overlay2/ccc/diff', 'xfs', '/dev/vdc', 'rw'),
      line('/m/x', '/', 'overlay', 'overlay', 'ro,lowerdir=/data/store/overlay2/a\\134:b/diff:/x'),
    ].join('\n'),
  )
  t.same(listViews({ home: '/data/store/overlay2', merges: '/nowhere' }, mounts), [
    { target: '/m/bind', view: 'kernel', topCacheID: 'ccc' },
    { target: '/m/x', view: 'kernel', topCacheID: 'a:b' },
  ])
})

t.test('what is shown nowhere cannot be unmounted', async (t) => {
  const root = temporaryDirectory(t)
  const place = { home: path.join(root, 'overlay2'), merges: path.join(root, 'merges') }
  t.throws(() => unmountView(place, root), { code: 'ERR_MOUNT_NOT_FOUND', details: { path: root } })
})
