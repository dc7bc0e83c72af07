// A setuid file in a layer is out of others' reach: the store's directories have docker's modes, whatever the umask.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { isRoot } from '../support/host.ts'
import { buildImage, dockerArchive25, packed } from '../support/image.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { dir, file, layerTar } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const NOBODY = 65_534

t.test('nobody else comes to a setuid file', async (t) => {
  const home = temporaryDirectory(t)
  fs.chmodSync(home, 0o755)
  const image = buildImage([
    layerTar(dir('bin', { mode: 0o755 }), file('bin/su', '#!/bin/sh\n', { mode: 0o4755 })),
  ])
  const archive = path.join(home, 'a.tar')
  fs.writeFileSync(archive, packed(dockerArchive25([{ image, tags: ['a:1'] }])))
  const root = path.join(home, 'root')
  const umask = process.umask(0)
  t.teardown(() => process.umask(umask))
  const done = await shaleInProcess(['load', '--no-sync', '-i', archive], { root })
  t.equal(done.code, 0, done.stderr)
  const overlay2 = path.join(root, 'overlay2')
  const layer = fs.readdirSync(overlay2).find((name) => name !== 'l')!
  const modes = [root, overlay2, path.join(overlay2, layer)].map((at) =>
    (fs.statSync(at).mode & 0o777).toString(8),
  )
  t.same(modes, ['710', '710', '710'])
  const su = path.join(overlay2, layer, 'diff/bin/su')
  t.ok(fs.existsSync(su), 'its owner sees it')
  const skip = isRoot ? false : 'only root can become another user'
  t.test('as another user', { skip }, (t) => {
    const seen = spawnSync('ls', [home, su], {
      uid: NOBODY,
      gid: NOBODY,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    })
    t.match(seen.stdout, /root/, 'who sees what is above the store')
    t.match(seen.stderr, /Permission denied/, 'and not what is in it')
    t.end()
  })
})
