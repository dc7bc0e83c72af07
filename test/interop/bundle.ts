// Bundles run by Debian's crun, and by runc: as root from a mount and from a copy, and as an ordinary user.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { changesOf, readTar } from '../../src/index.ts'
import { userMappings } from '../../src/containers/bundle-mappings.ts'
import { usersMayAllowOthers } from '../../src/sys/fuse-device.ts'
import { cleanEnvironment, MAIN, shaleOk, withoutLoader } from '../support/cli.ts'
import { containerFixture } from '../support/container.ts'
import { againAsUser, FUSE_USER_NAME, fuseSkip } from '../support/fuse-for-users.ts'
import { findProgram, isInterop, isRoot, unless } from '../support/host.ts'
import { apart } from '../support/mount-namespace.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { dir, file, layerTar, symlink } from '../support/layer.ts'
import { runBundle, runtimeSkip } from '../support/oci-runtime.ts'
import { programLayer, programLayerSkip } from '../support/program-layer.ts'
import { dockerArchive25, buildImage, packed } from '../support/image.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const SCRIPT =
  'echo "$A"; pwd; id -u; id -g; cat /latest; echo made >/tmp/made; cat /proc/1/comm; echo $HOME'
const CONFIG = {
  Entrypoint: ['/bin/sh', '-c'],
  Cmd: [SCRIPT],
  Env: ['PATH=/bin', 'A=b c'],
  WorkingDir: '/tmp',
}

/** Owned by users that an image has, and one by a number that no namespace of 65,536 maps. */
const OWNED = layerTar(
  dir('own'),
  dir('tmp', { mode: 0o1777 }),
  file('own/app', 'a', { uid: 1000, gid: 1001 }),
  file('own/far', 'f', { uid: 70_000, gid: 70_000 }),
  file('own/gone', 'g'),
  file('own/root', 'r'),
  file('own/www', 'w', { uid: 33, gid: 33, mode: 0o600 }),
  symlink('own/link', 'root'),
)
const OWNERS = 'ls -ln /own | while read m l u g rest; do echo "$u:$g $rest"; done'
const idsGranted = isRoot ? undefined : userMappings()?.uids[1]
const forOthers = usersMayAllowOthers()

for (const runtime of ['crun', 'runc']) {
  const skip = unless({ interop: true }) || programLayerSkip() || runtimeSkip(runtime)

  t.test(
    `${runtime}, as root`,
    { skip: skip || unless({ root: true, overlay: true }) },
    async (t) => {
      const { directory, root } = await containerFixture(t, [programLayer()], CONFIG)
      const own = (...args: string[]): string => shaleOk(['--root', root, ...args])
      const state = path.join(directory, 'state')
      const run = (bundle: string): ReturnType<typeof runBundle> =>
        runBundle(runtime, path.join(directory, bundle), state)
      const wanted = 'b c\n/tmp\n0\n0\nof the image\nsh\n/root\n'

      own('bundle', 'box', path.join(directory, 'mounted'))
      t.match(run('mounted'), { code: 0, stdout: wanted })
      own('umount', path.join(directory, 'mounted/rootfs'))
      t.equal(
        own('cp', 'box:/tmp/made', '-').includes('made'),
        true,
        'what it made is the container’s',
      )

      own('bundle', '--copy', 'box', path.join(directory, 'copied'))
      t.match(run('copied'), { code: 0, stdout: wanted })

      own('bundle', 'base:1', path.join(directory, 'image'))
      t.match(run('image'), { code: 0, stdout: wanted })
      t.equal(fs.readFileSync(path.join(directory, 'image/upper/tmp/made'), 'utf8'), 'made\n')
      own('umount', path.join(directory, 'image/rootfs'))

      const settings = ['-e', 'A=other', '-w', '/etc', '-u', 'app']
      own('create', ...settings, '--name', 'other', 'base:1', 'echo $A; pwd; id -u; id -G; exit 5')
      own('bundle', 'other', path.join(directory, 'other'))
      t.match(run('other'), { code: 5, stdout: 'other\n/etc\n1000\n1001 1002\n' })
      own('umount', 'other')

      const flags = [
        '--read-only',
        '--tmpfs',
        '/run',
        '--mount',
        'type=tmpfs,dst=/mem,tmpfs-size=4k',
      ]
      const shut = [...flags, '--cap-drop', 'ALL', '--cap-add', 'CHOWN', '--network', 'host']
      const script = [
        '(echo x >/tmp/x) 2>/dev/null || echo shut',
        'echo y >/mem/y && cat /mem/y && echo z >/run/z && cat /run/z',
        'while read name value; do case $name in CapBnd:) echo $value;; esac; done </proc/1/status',
      ].join('; ')
      own('create', '--name', 'shut', ...shut, 'base:1', script)
      own('bundle', 'shut', path.join(directory, 'shut'))
      const done = run('shut')
      t.match(done, { code: 0, stdout: 'shut\ny\nz\n0000000000000001\n' }, done.stderr)
      own('umount', 'shut')

      const bound = [
        ...['--device', '/dev/null:/dev/nothing', '--ulimit', 'nofile=517:518'],
        ...['--security-opt', 'no-new-privileges', '--security-opt', 'apparmor=unconfined'],
        ...['--device-cgroup-rule', 'c 10:* rw'],
      ]
      const asks = [
        'echo x >/dev/nothing && test -c /dev/nothing && echo nothing',
        'ulimit -Sn; ulimit -Hn',
        'while read name value; do case $name in NoNewPrivs:) echo $value;; esac; done </proc/1/status',
      ].join('; ')
      own('create', '--name', 'bound', ...bound, 'base:1', asks)
      own('bundle', 'bound', path.join(directory, 'bound'))
      const asked = run('bound')
      t.match(asked, { code: 0, stdout: 'nothing\n517\n518\n1\n' }, asked.stderr)
      own('umount', 'bound')
    },
  )

  t.test(
    `${runtime}, as an ordinary user`,
    { skip: skip || unless({ userNamespace: true }) },
    (t) => {
      const directory = temporaryDirectory(t)
      fs.chmodSync(directory, 0o755)
      const user = isRoot ? { uid: 23_456, gid: 23_456 } : undefined
      const home = path.join(directory, 'home')
      fs.mkdirSync(home)
      if (user) fs.chownSync(home, user.uid, user.gid)
      const root = path.join(home, 'root')
      const own = (args: readonly string[], stdin: Uint8Array | string = ''): string =>
        shaleOk(['--root', root, ...args], { ...user, stdin })
      const image = buildImage([programLayer()], { config: CONFIG })
      own(['load', '-q'], packed(dockerArchive25([{ image, tags: ['base:1'] }])))
      own(['bundle', 'base:1', path.join(home, 'image')])
      const done = runBundle(runtime, path.join(home, 'image'), path.join(home, 'state'), user)
      t.match(done, { code: 0, stdout: 'b c\n/tmp\n0\n0\nof the image\nsh\n/root\n' }, done.stderr)
      t.end()
    },
  )

  t.test(
    `${runtime}, as an ordinary user, by FUSE`,
    { skip: skip || unless({ userNamespace: true, ordinaryUser: true }) || fuseSkip() },
    async (t) => {
      const { directory, root, store } = await containerFixture(t, [programLayer(), OWNED], {
        Entrypoint: ['/bin/sh', '-c'],
        Env: ['PATH=/bin'],
      })
      const own = (...args: string[]): string => shaleOk(['--root', root, ...args])
      const state = path.join(directory, 'state')
      const run = (name: string): ReturnType<typeof runBundle> => {
        const bundle = path.join(directory, `bundle-${name}`)
        own('bundle', '--view', 'fuse', name, bundle)
        const done = runBundle(runtime, bundle, state)
        own('umount', path.join(bundle, 'rootfs'))
        return done
      }
      const shown = (id: number): number => (id === 0 || (idsGranted && id <= 65_536) ? id : 65_534)
      const owner = (uid: number, gid: number): string => `${shown(uid)}:${shown(gid)}`

      const change = 'echo made >/own/made; rm /own/gone; echo more >>/own/app; cat /own/www'
      const give = idsGranted === undefined ? '' : '; chown 33:44 /own/made'
      own('create', '--name', 'rooted', 'base:1', `${OWNERS}; ${change}${give}; id -u`)
      const rooted = run('rooted')
      t.equal(rooted.code, 0, rooted.stderr)
      const listed = rooted.stdout.split('\n').map((line) => line.replace(/^(\S+) .* /, '$1 '))
      t.same(listed, [
        ': ',
        `${owner(1000, 1001)} app`,
        `${owner(70_000, 70_000)} far`,
        `${owner(0, 0)} gone`,
        `${owner(0, 0)} root`,
        `${owner(0, 0)} root`,
        `${owner(33, 33)} www`,
        'w0',
        '',
      ])
      const tar = await shaleInProcess(['export', 'rooted'], { root })
      const owners = new Map<string, string>()
      for await (const { header } of readTar([tar.stdoutBytes]))
        owners.set(header.path, `${header.uid}:${header.gid}`)
      t.equal(owners.get('own/made'), idsGranted === undefined ? '0:0' : '33:44')
      t.equal(owners.get('own/app'), '1000:1001', 'copied up, and still its owner’s')
      t.equal(owners.get('own/www'), '33:33')
      t.notOk(owners.has('own/gone'))

      own(
        'create',
        '--name',
        'other',
        '-u',
        'app',
        'base:1',
        'id -u; echo x >/tmp/x; rm /own/app; cat /own/www',
      )
      if (idsGranted === undefined) return
      if (!forOthers) {
        t.throws(() => run('other'), /user 1000:1001, as whom it starts, could not look at/)
        return
      }
      const other = run('other')
      t.match(other, { code: 1, stdout: '1000\n', stderr: /own\/app.*denied[^]*own\/www.*denied/i })
      const changes = await changesOf(store, 'other')
      t.ok(changes.some(({ path }) => path === '/tmp/x'))
      t.notOk(changes.some(({ path }) => path === '/own/app'))
    },
  )

  t.test(
    `${runtime}, in a user namespace, by FUSE`,
    { skip: skip || unless({ userNamespace: true, ordinaryUser: true }) || fuseSkip() },
    async (t) => {
      const { directory, root, store } = await containerFixture(t, [programLayer(), OWNED], {
        Entrypoint: ['/bin/sh', '-c'],
        Cmd: [`${OWNERS}; echo made >/own/made; rm /own/gone`],
        Env: ['PATH=/bin'],
      })
      const own = `"$0" ${MAIN} --root ${root}`
      const bundle = path.join(directory, 'bundle')
      const script = [
        'set -e',
        `${own} --json bundle box ${bundle} | grep -o '"mount"'`,
        `grep -o ' ${bundle}/rootfs fuse.shale ' /proc/self/mounts`,
        `"$1" --root ${directory}/state run -b ${bundle} shale-${process.pid}-${runtime}`,
        `${own} umount box`,
      ].join('\n')
      const given = ['sh', '-c', script, process.execPath, findProgram(runtime)!]
      const command = ['unshare', '-Urm', ...given]
      const done = spawnSync(...withoutLoader(isRoot ? apart(command) : command), {
        encoding: 'utf8',
        env: cleanEnvironment({ XDG_RUNTIME_DIR: directory }),
      })
      t.equal(done.status, 0, done.stderr)
      t.match(done.stdout, /^65534:65534 .* app$[^]*^0:0 .* root$[^]*^65534:65534 .* www$/m)
      const changes = await changesOf(store, 'box')
      t.ok(changes.some(({ path }) => path === '/own/made'))
    },
  )
}

if (isInterop) {
  const subIDs = `${FUSE_USER_NAME}:100000:65536\n`
  const etc = { '/etc/subuid': subIDs, '/etc/subgid': subIDs }
  againAsUser(import.meta.url)
  againAsUser(import.meta.url, { name: 'with IDs of its own', etc })
  againAsUser(import.meta.url, {
    name: 'with IDs of its own and user_allow_other',
    etc: { ...etc, '/etc/fuse.conf': 'user_allow_other\n' },
  })
}
