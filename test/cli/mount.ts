// `shale mount` and `shale umount` as their user sees them, by each view that this host has.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { fuseUnavailable } from '../../src/sys/fuse-device.ts'
import { shale } from '../support/cli.ts'
import { againAsUser, fuseSkip } from '../support/fuse-for-users.ts'
import { isRoot, unless } from '../support/host.ts'
import { dockerArchive25, packed, smallImage } from '../support/image.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const image = smallImage()
const archive = packed(dockerArchive25([{ image, tags: ['app:1'] }]))

const VIEWS: readonly (readonly [string, string | false])[] = [
  ['kernel', unless({ root: true, overlay: true })],
  ['fuse', fuseSkip()],
  ['merge', false],
]

for (const [view, skip] of VIEWS) {
  t.test(`${view}: shown, listed, taken away`, { skip }, async (t) => {
    const dir = fs.realpathSync(temporaryDirectory(t))
    const root = path.join(dir, 'root')
    await shaleInProcess(['load', '-q'], { root, stdin: archive })
    const target = path.join(dir, 'shown')
    fs.mkdirSync(target)
    const none = await shaleInProcess(['mount'], { root })
    t.match(none.stdout, /^NAME +VIEW +DIRECTORY\n$/)

    const done = await shaleInProcess(['mount', '--view', view, 'app:1', target], { root })
    t.same([done.code, done.stdout, done.stderr], [0, '', ''])
    t.equal(fs.readFileSync(path.join(target, 'etc/motd'), 'utf8'), 'good bye\n')
    t.same(fs.readdirSync(path.join(target, 'etc')), ['motd'], 'what layer 2 removed is gone')

    const listed = await shaleInProcess(['mount'], { root })
    t.match(listed.stdout, new RegExp(`\\napp:1 +${view} +${target}\\n$`))
    const records = JSON.parse(
      (await shaleInProcess(['--json', 'mount'], { root })).stdout,
    ) as object[]
    t.match(records, [{ target, view, imageID: image.imageID, names: ['app:1'] }])

    const twice = await shaleInProcess(['mount', '--view', view, 'app:1', target], { root })
    t.equal(twice.code, 1)
    t.match(twice.stderr, /is shown there already/)

    const away = await shaleInProcess(['umount', target], { root })
    t.same([away.code, away.stdout, away.stderr], [0, '', ''])
    t.same(fs.readdirSync(target), [], 'the directory is empty again')
    t.match((await shaleInProcess(['mount'], { root })).stdout, /^NAME +VIEW +DIRECTORY\n$/)
    t.equal((await shaleInProcess(['umount', target], { root })).code, 10)
  })
}

t.test(
  'a kernel mount is read-only',
  { skip: unless({ root: true, overlay: true }) },
  async (t) => {
    const dir = temporaryDirectory(t)
    const root = path.join(dir, 'root')
    await shaleInProcess(['load', '-q'], { root, stdin: archive })
    const target = path.join(dir, 'shown')
    fs.mkdirSync(target)
    await shaleInProcess(['mount', 'app:1', target], { root })
    t.throws(() => fs.writeFileSync(path.join(target, 'new'), ''), { code: 'EROFS' })
    const fd = fs.openSync(path.join(target, 'etc/motd'), 'r')
    const busy = await shaleInProcess(['umount', target], { root })
    t.equal(busy.code, 1)
    t.match(
      busy.stderr,
      /: it is in use \(EBUSY\): a program has a file of it open or stands in it/,
    )
    fs.closeSync(fd)
    t.equal((await shaleInProcess(['image', 'unmount', target], { root })).code, 0)
  },
)

t.test(
  'an image that is mounted is not removed, also by force',
  { skip: unless({ root: true, overlay: true }) },
  async (t) => {
    const dir = fs.realpathSync(temporaryDirectory(t))
    const root = path.join(dir, 'root')
    await shaleInProcess(['load', '-q'], { root, stdin: archive })
    const target = path.join(dir, 'shown')
    fs.mkdirSync(target)
    await shaleInProcess(['mount', 'app:1', target], { root })
    await shaleInProcess(['tag', 'app:1', 'app:2'], { root })
    const untagged = await shaleInProcess(['rmi', 'app:2'], { root })
    t.equal(untagged.stdout, 'Untagged: app:2\n', 'a name is free to go')
    for (const args of [
      ['rmi', 'app:1'],
      ['rmi', '-f', 'app:1'],
      ['rmi', '-f', image.imageID],
    ]) {
      const done = await shaleInProcess(args, { root })
      t.equal(done.code, 1)
      t.match(done.stderr, `image is mounted on ${target}; unmount it first`)
    }
    t.equal(fs.readFileSync(path.join(target, 'etc/motd'), 'utf8'), 'good bye\n')
    await shaleInProcess(['umount', target], { root })
    t.equal((await shaleInProcess(['rmi', 'app:1'], { root })).code, 0)
  },
)

t.test('an ordinary user gets FUSE or the merge, and one line that says so', async (t) => {
  const dir = temporaryDirectory(t)
  fs.chmodSync(dir, 0o777)
  const user = isRoot ? { uid: 65_534, gid: 65_534 } : {}
  const root = path.join(dir, 'root')
  shale(['--root', root, 'load', '-q'], { ...user, stdin: archive })
  const target = path.join(dir, 'shown')
  fs.mkdirSync(target)
  fs.chmodSync(target, 0o777)
  const done = shale(['--root', root, 'mount', 'app:1', target], user)
  t.equal(done.code, 0)
  t.equal(done.stdout, '')
  const merge = /^shale: wrote the merged image into [^\n]*, without a kernel mount: [^\n]+\n$/
  const fuse = /^shale: shows the image in [^\n]* by FUSE: [^\n]+\n$/
  t.match(done.stderr, userHasFuse() ? fuse : merge)
  // A user's FUSE mount is that user's alone, and root is turned away as well.
  const read = spawnSync('cat', [path.join(target, 'etc/motd')], { ...user, encoding: 'utf8' })
  t.equal(read.stdout, 'good bye\n')
  t.equal(shale(['--root', root, 'umount', target], user).code, 0)
  t.same(fs.readdirSync(target), [])
})

/** Of the ordinary user of these tests, whoever runs them. */
function userHasFuse(): boolean {
  const forAll = ((fs.statSync('/dev/fuse', { throwIfNoEntry: false })?.mode ?? 0) & 0o006) === 6
  return isRoot ? forAll && fuseUnavailable(false) === undefined : fuseSkip() === false
}

t.test('an image needs a directory', async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  t.equal((await shaleInProcess(['mount', 'app:1'], { root })).code, 10, 'and must exist')
  await shaleInProcess(['load', '-q'], { root, stdin: archive })
  const done = await shaleInProcess(['mount', 'app:1'], { root })
  t.equal(done.code, 2)
  t.match(done.stderr, /name the directory to show it in, as in: shale mount app:1 DIR/)
})

t.test('a merge goes only into an empty directory', async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  await shaleInProcess(['load', '-q'], { root, stdin: archive })
  const target = path.join(dir, 'full')
  fs.mkdirSync(target)
  fs.writeFileSync(path.join(target, 'mine'), 'mine')
  const done = await shaleInProcess(['mount', '--view', 'merge', 'app:1', target], { root })
  t.equal(done.code, 1)
  t.match(done.stderr, /the directory is not empty/)
  t.same(fs.readdirSync(target), ['mine'])
})

againAsUser(import.meta.url)
