// Bundles run by Debian's crun, and by runc: as root from a mount and from a copy, and as an ordinary user.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { shaleOk } from '../support/cli.ts'
import { containerFixture } from '../support/container.ts'
import { isRoot, unless } from '../support/host.ts'
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
}
