import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { openStore } from '../../src/store/store.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** As `ls` shows them at the top of such a root. */
const FOREIGN: Readonly<Record<string, readonly [names: readonly string[], says: RegExp]>> = {
  podman: [
    ['db.sql', 'libpod', 'overlay', 'overlay-images', 'overlay-layers', 'storage.lock'],
    /it is podman's storage, which shale does not read; use podman save, or name another root$/,
  ],
  containerd: [
    ['io.containerd.content.v1.content', 'io.containerd.metadata.v1.bolt', 'tmpmounts'],
    /it is containerd's root, .*use ctr images export/,
  ],
  'docker 29': [
    ['buildkit', 'containers', 'engine-id', 'network', 'plugins', 'runtimes', 'tmp', 'volumes'],
    /docker's containerd image store, which shale does not read; use docker save/,
  ],
  'docker with another driver': [
    ['btrfs', 'containers', 'engine-id', 'image/btrfs'],
    /its images are of docker's btrfs driver, and shale knows overlay2 and vfs/,
  ],
}

for (const [name, [names, says]] of Object.entries(FOREIGN)) {
  t.test(`the root of ${name} is refused`, async (t) => {
    const root = temporaryDirectory(t)
    for (const each of names) fs.mkdirSync(path.join(root, each), { recursive: true })
    const before = fs.readdirSync(root, { recursive: true })
    for (const args of [['images'], ['tag', 'a', 'b'], ['info'], ['--driver', 'vfs', 'images']]) {
      const done = await shaleInProcess(args, { root })
      t.equal(done.code, 2, args.join(' '))
      t.match(done.stderr.trimEnd(), says)
    }
    t.same(fs.readdirSync(root, { recursive: true }), before)
  })
}

t.test('a store, and what may become one, is not', async (t) => {
  const dir = temporaryDirectory(t)
  const fresh = path.join(dir, 'fresh')
  fs.mkdirSync(path.join(fresh, 'lost+found'), { recursive: true })
  t.same((await openStore(fresh)).images(), [])
  t.same((await openStore(path.join(dir, 'none'))).images(), [])
  // A dockerd of today with the classic store.
  const docker = path.join(dir, 'docker')
  for (const name of ['engine-id', 'overlay2', 'image/overlay2', 'containers'])
    fs.mkdirSync(path.join(docker, name), { recursive: true })
  t.same((await openStore(docker)).images(), [])
  t.same((await openStore(docker, { driver: 'vfs' })).images(), [], 'another driver beside it')
})
