// A setuid file in a layer is out of others' reach: the store's directories have docker's modes, whatever the umask, in
// each driver, in an image as in a container, and also below a root that somebody made for all to enter.

import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { isRoot } from '../support/host.ts'
import { buildImage, dockerArchive25, packed } from '../support/image.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { dir, file, layerTar, type LayerEntryInit } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const NOBODY = 65_534
const su = (name: string): LayerEntryInit => file(name, '#!/bin/sh\n', { mode: 0o4755 })

const image = buildImage([layerTar(dir('bin', { mode: 0o755 }), su('bin/su'))])

const MODES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  overlay2: { '': '710', overlay2: '710', 'overlay2/l': '700', 'overlay2/*': '710' },
  vfs: { '': '710', vfs: '710', 'vfs/dir': '710' },
}

/** Below which there are directories of layers. */
const LAYERS: Readonly<Record<string, string>> = { overlay2: 'overlay2', vfs: 'vfs/dir' }

function asNobody(...command: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(command[0]!, command.slice(1), {
    uid: NOBODY,
    gid: NOBODY,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  })
}

/** Of the files, as their owner finds them. */
function found(directory: string): string[] {
  return fs.readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const at = path.join(directory, entry.name)
    return entry.isDirectory() ? found(at) : entry.name === 'su' ? [at] : []
  })
}

for (const driver of ['overlay2', 'vfs'] as const) {
  for (const isThere of [false, true]) {
    const what = `${driver}, ${isThere ? 'a root that is open to all' : 'a new root'}`
    t.test(`nobody else comes to a setuid file: ${what}`, async (t) => {
      const home = temporaryDirectory(t)
      fs.chmodSync(home, 0o755)
      const archive = path.join(home, 'a.tar')
      fs.writeFileSync(archive, packed(dockerArchive25([{ image, tags: ['a:1'] }])))
      const root = path.join(home, 'root')
      const umask = process.umask(0)
      t.teardown(() => process.umask(umask))
      if (isThere) fs.mkdirSync(root, { mode: 0o755 })
      for (const { args, stdin } of [
        { args: ['load', '--no-sync', '-i', archive] },
        { args: ['create', '--name', 'box', 'a:1', '/bin/su'] },
        { args: ['cp', '-', 'box:/'], stdin: layerTar(dir('own'), su('own/su')) },
      ]) {
        const input = stdin === undefined ? {} : { stdin }
        const done = await shaleInProcess(['--driver', driver, ...args], { root, ...input })
        t.equal(done.code, 0, done.stderr)
      }
      const layers = path.join(root, LAYERS[driver]!)
      for (const [name, mode] of Object.entries(MODES[driver]!)) {
        if (isThere && name === '') continue
        const places = name.endsWith('/*')
          ? fs.readdirSync(layers).filter((each) => each !== 'l')
          : [path.relative(layers, path.join(root, name))]
        for (const each of places) {
          const at = path.join(layers, each)
          t.equal((fs.statSync(at).mode & 0o777).toString(8), mode, path.relative(home, at))
        }
      }
      const files = found(layers)
      t.ok(files.length >= 2, 'its owner sees that of the image and that of the container')
      if (isRoot) t.ok(fs.statSync(files[0]!).mode & 0o4000, 'which is setuid')
      const skip = isRoot ? false : 'only root can become another user'
      t.test('as another user', { skip }, (t) => {
        t.match(asNobody('ls', home).stdout, /root/, 'who sees what is above the store')
        t.equal(asNobody('find', root, '-name', 'su').stdout, '', 'and finds nothing in it')
        for (const each of files) {
          t.match(asNobody('ls', each).stderr, /Permission denied/, 'nor by its name')
          const run = asNobody(each)
          t.match(run.error, { code: 'EACCES' }, 'and cannot run it')
        }
        t.end()
      })
    })
  }
}
