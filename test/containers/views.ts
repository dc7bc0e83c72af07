// A container's root by each view: what is written through one is in the writable layer, and the others and commit see it.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { openStore, readTar } from '../../src/index.ts'
import { cleanEnvironment, MAIN, withoutLoader } from '../support/cli.ts'
import { againAsUser, fuseSkip } from '../support/fuse-for-users.ts'
import { isRoot, unless } from '../support/host.ts'
import { buildImage, dockerArchive25, packed, smallImage } from '../support/image.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { file, layerTar } from '../support/layer.ts'
import { listWithTar } from '../support/tar-list.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const archive = packed(dockerArchive25([{ image: smallImage(), tags: ['app:1'] }]))
const skips = {
  kernel: unless({ root: true, overlay: true }),
  fuse: fuseSkip(),
  merge: false,
} as const
const views = (['kernel', 'fuse', 'merge'] as const).filter((view) => skips[view] === false)

async function makeContainer(t: {
  teardown(undo: () => void): unknown
}): Promise<{ root: string; dir: string; shale: (...args: string[]) => Promise<string> }> {
  const dir = fs.realpathSync(temporaryDirectory(t))
  const root = path.join(dir, 'root')
  await shaleInProcess(['load', '-q'], { root, stdin: archive })
  const shale = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await shaleInProcess(args, { root })
    if (code !== 0) throw new Error(`shale ${args.join(' ')} ended with ${code}: ${stderr}`)
    return stdout
  }
  await shale('create', '--name', 'web', 'app:1', 'true')
  return { root, dir, shale }
}

for (const view of views) {
  t.test(`${view}: what its user makes is root’s of the container`, async (t) => {
    const { root, dir, shale } = await makeContainer(t)
    const target = path.join(dir, 'shown')
    fs.mkdirSync(target)
    await shale('mount', '--view', view, 'web', target)
    fs.writeFileSync(path.join(target, 'made'), '')
    fs.mkdirSync(path.join(target, 'dir'))
    fs.symlinkSync('made', path.join(target, 'link'))
    await shale('umount', 'web')
    const tar = await shaleInProcess(['export', 'web'], { root })
    const made: string[] = []
    for await (const { header } of readTar([tar.stdoutBytes])) {
      if (/^(made|dir|link)\b/.test(header.path)) made.push(`${header.uid}:${header.gid}`)
    }
    t.same(made, ['0:0', '0:0', '0:0'])
  })
}

t.test(
  'auto goes on where FUSE is there and may not be mounted, and says why',
  { skip: unless({ root: true, programs: ['setpriv'] }) },
  async (t) => {
    const dir = temporaryDirectory(t)
    const target = path.join(dir, 'shown')
    fs.mkdirSync(target)
    fs.writeFileSync(path.join(dir, 'app.tar'), archive)
    const shale = (
      ...args: string[]
    ): { status: number | null; stdout: string; stderr: string } => {
      const own = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin', '--']
      const line = [...own, process.execPath, MAIN, '--root', path.join(dir, 'root'), ...args]
      return spawnSync(...withoutLoader(line), { encoding: 'utf8', env: cleanEnvironment() })
    }
    t.equal(shale('load', '-q', '-i', path.join(dir, 'app.tar')).status, 0)
    t.equal(shale('create', '--name', 'web', 'app:1', 'true').status, 0)
    const done = shale('--json', 'mount', 'web', target)
    t.equal(done.status, 0, done.stderr)
    t.match(JSON.parse(done.stdout), { view: 'merge', reason: /EPERM.*; .*(EPERM|\/dev\/fuse)/ })
    fs.writeFileSync(path.join(target, 'new'), 'new')
    t.equal(shale('umount', 'web').status, 0)
    t.equal(shale('diff', 'web').stdout, 'A /new\n')
  },
)

t.test(
  'a store that keeps owners beside the files: FUSE comes before the kernel, which does not look there',
  { skip: skips.fuse || unless({ root: true, programs: ['setpriv'] }) },
  async (t) => {
    const dir = fs.realpathSync(temporaryDirectory(t))
    const root = path.join(dir, 'root')
    const tar = path.join(dir, 'owned.tar')
    const owned = layerTar(file('app', '', { uid: 1000, gid: 1001 }))
    const image = buildImage([owned], { config: { Cmd: ['/x'] } })
    fs.writeFileSync(tar, packed(dockerArchive25([{ image, tags: ['own:1'] }])))
    const weak = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin', '--']
    const load = [...weak, process.execPath, MAIN, '--root', root, 'load', '-q', '-i', tar]
    t.equal(spawnSync(...withoutLoader(load), { env: cleanEnvironment() }).status, 0)
    await shaleInProcess(['create', '--name', 'web', 'own:1'], { root })
    const target = path.join(dir, 'shown')
    fs.mkdirSync(target)
    const done = await shaleInProcess(['--json', 'mount', 'web', target], { root })
    t.match(JSON.parse(done.stdout), { view: 'fuse', reason: /beside the files/ })
    t.match(fs.statSync(path.join(target, 'app')), { uid: 1000, gid: 1001 })
    await shaleInProcess(['umount', 'web'], { root })
    for (const name of ['web', 'own:1']) {
      const bundle = path.join(dir, name)
      await shaleInProcess(['bundle', name, bundle], { root })
      t.match(fs.statSync(path.join(bundle, 'rootfs/app')), { uid: 1000, gid: 1001 })
      t.equal((await shaleInProcess(['umount', path.join(bundle, 'rootfs')], { root })).code, 0)
    }
  },
)

for (const writer of ['kernel', 'fuse', 'merge'] as const) {
  t.test(`${writer}: what is written is the container's`, { skip: skips[writer] }, async (t) => {
    const { root, dir, shale } = await makeContainer(t)
    const target = path.join(dir, 'shown')
    fs.mkdirSync(target)
    await shale('mount', '--view', writer, 'web', target)
    t.match(await shale('mount'), new RegExp(`\\nweb +${writer} +${target}\\n`))
    fs.writeFileSync(path.join(target, 'new'), 'new')
    fs.appendFileSync(path.join(target, 'etc/motd'), 'more')
    const used = await shaleInProcess(['rm', 'web'], { root })
    t.equal(used.code, 1, 'it is in use')
    const twice = await shaleInProcess(['mount', '--view', writer, 'web', target], { root })
    t.match(twice.stderr, /it is mounted on/)
    await shale('commit', 'web', 'web:1')
    t.match(await shale('cat', 'web:1:/etc/motd'), /more$/, 'a commit has what was written so far')
    fs.rmSync(path.join(target, 'new'))
    fs.writeFileSync(path.join(target, 'later'), 'later')
    await shale('umount', 'web')
    t.same(fs.readdirSync(target), [])
    t.same((await shale('diff', 'web')).trim().split('\n').sort(), [
      'A /later',
      'C /etc',
      'C /etc/motd',
    ])
    for (const reader of views) {
      await shale('mount', '--view', reader, 'web', target)
      t.equal(fs.readFileSync(path.join(target, 'later'), 'utf8'), 'later', reader)
      t.match(fs.readFileSync(path.join(target, 'etc/motd'), 'utf8'), /more$/, reader)
      await shale('umount', target)
    }
    await shale('mount', '--view', writer, 'web', target)
    await shale('rm', '-f', 'web')
    t.same(fs.readdirSync(target), [])
    t.notMatch(await shale('mount'), /web/)
  })

  t.test(`${writer}: a bundle's root`, { skip: skips[writer] }, async (t) => {
    const { dir, shale } = await makeContainer(t)
    for (const name of ['web', 'app:1']) {
      const bundle = path.join(dir, `bundle-${name.replace(':', '-')}`)
      await shale('bundle', '--view', writer, name, bundle)
      const rootfs = path.join(bundle, 'rootfs')
      t.match(fs.readFileSync(path.join(rootfs, 'etc/motd'), 'utf8'), /good bye/)
      fs.writeFileSync(path.join(rootfs, 'new'), '')
      if (writer === 'merge') continue
      await shale('umount', rootfs)
      t.same(fs.readdirSync(rootfs), [])
    }
  })
}

t.test('merge: who reads the layers sees what is written so far', async (t) => {
  const { root, dir, shale } = await makeContainer(t)
  const target = path.join(dir, 'shown')
  fs.mkdirSync(target)
  await shale('mount', '--view', 'merge', 'web', target)
  const write = (name: string): void => fs.writeFileSync(path.join(target, name), `${name}\n`)
  write('one')
  t.equal(await shale('diff', 'web'), 'A /one\n')
  write('two')
  await shale('cp', 'web:/two', dir)
  t.equal(fs.readFileSync(path.join(dir, 'two'), 'utf8'), 'two\n')
  write('three')
  const flat = path.join(dir, 'flat.tar')
  await shale('export', '-o', flat, 'web')
  t.same(
    listWithTar(flat)
      .filter((name) => /^(one|two|three)$/.test(name))
      .sort(),
    ['one', 'three', 'two'],
  )
  fs.mkdirSync(path.join(target, 'four'))
  await shale('cp', path.join(dir, 'two'), 'web:/four')
  t.equal(fs.readFileSync(path.join(target, 'four/two'), 'utf8'), 'two\n', 'into what is shown')
  t.match(await shale('explain', '/four/two', 'web'), /upper/)
  write('five')
  await shale('bundle', '--copy', 'web', path.join(dir, 'bundle'))
  t.ok(fs.existsSync(path.join(dir, 'bundle/rootfs/five')))
  const refused = await shaleInProcess(['bundle', 'web', path.join(dir, 'other')], { root })
  // Who cannot mount gets a copy, which is no second mount.
  const said = isRoot ? /it is mounted on .*shown already/ : /is mounted on|as plain files/
  t.match(refused.stderr, said)
  await shale('umount', 'web')
  t.same((await shale('diff', 'web')).trim().split('\n'), [
    'A /five',
    'A /four',
    'A /four/two',
    'A /one',
    'A /three',
    'A /two',
  ])
})

t.test('merge: what cannot be brought into the layer now is said', async (t) => {
  const { root, dir, shale } = await makeContainer(t)
  const target = path.join(dir, 'shown')
  fs.mkdirSync(target)
  await shale('mount', '--view', 'merge', 'web', target)
  fs.writeFileSync(path.join(target, 'new'), 'new')
  const store = await openStore(root)
  await store.write(async () => {
    const busy = await openStore(root, { lockTimeoutMs: 1 })
    await t.rejects(busy.mounts.get('web').changes(), {
      code: 'ERR_CONTAINER_IN_USE',
      message: /^cannot read container web: its root is written out in .*shown, and what was/,
    })
  })
  t.equal(await shale('diff', 'web'), 'A /new\n')
})

for (const view of views) {
  t.test(`${view}: what is shown is not pruned`, async (t) => {
    const { dir, shale } = await makeContainer(t)
    const target = path.join(dir, 'shown')
    fs.mkdirSync(target)
    await shale('mount', '--view', view, 'web', target)
    fs.writeFileSync(path.join(target, 'new'), 'new')
    const nothing = 'Total reclaimed space: 0B\n'
    t.equal(await shale('container', 'prune', '--dry-run'), nothing)
    t.equal(await shale('system', 'prune', '-f'), nothing)
    await shale('umount', 'web')
    t.equal(await shale('diff', 'web'), 'A /new\n')
    await shale('rm', 'web')
    await shale('mount', '--view', view, 'app:1', target)
    const pruned = await shale('image', 'prune', '-a', '--dry-run')
    if (view === 'merge') t.match(pruned, /untagged: app:1/i, 'a copy stands by itself')
    else t.equal(pruned, nothing)
    await shale('umount', target)
    t.match(await shale('image', 'prune', '-a', '-f'), /untagged: app:1/i)
  })
}

againAsUser(import.meta.url)
