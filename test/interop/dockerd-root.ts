// shale on a root that a real dockerd wrote, with build layers and a container: it reads all of it, also beside the
// running daemon, writes only once that is stopped, and the daemon then sees what shale wrote.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { readDockerArchive } from '../support/archive-layers.ts'
import { shale, shaleJson, shaleOk } from '../support/cli.ts'
import { copyTree, DOCKER_PROGRAMS, startDockerd } from '../support/dockerd.ts'
import { realImage, unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { compareTrees, readTree } from '../support/tree.ts'

const skip = unless({ interop: true, root: true, programs: DOCKER_PROGRAMS, realImage: true })
const NAME = 'real/app:1'

t.test('shale opens what dockerd wrote', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  copyTree(realImage.dockerd, root)
  const image = readDockerArchive(realImage.tar)[0]!
  const refusals = new Map<string, string>()
  const own = (...args: string[]): string => shaleOk(['--root', root, ...args])

  await t.test('reads change nothing', async (t) => {
    // `info` tries the disk in a directory that it makes and removes, which the root's own mtime shows.
    const options = { content: false, directoryTimes: false }
    const before = readTree(root, options)
    own('images', '-a')
    own('inspect', NAME)
    own('history', NAME)
    own('layers', NAME)
    own('tree')
    own('ls', '-R', NAME)
    own('cat', `${NAME}:/etc/passwd`)
    own('info')
    t.same(compareTrees(readTree(root, options), before), [])
  })

  await t.test('beside the running daemon', async (t) => {
    await using dockerd = await startDockerd(root)

    for (const args of [
      ['images', '--no-trunc', '--format', '{{.ID}} {{.Repository}} {{.Tag}} {{.Size}}'],
      ['images', '--filter', 'dangling=true', '-q'],
      ['images', '--filter', 'label=org.example.purpose=interop', '--format', '{{.Tag}}'],
      ['images', '--filter', 'reference=real/*:1', '--format', '{{.Repository}}:{{.Tag}}'],
      ['images', '--filter', 'before=real/app:1', '--format', '{{.ID}}'],
      ['images', '--filter', 'since=real/debian:1', '--format', '{{.ID}}'],
      ['history', '--no-trunc', '--format', '{{json .}}', NAME],
      ['history', '-H=false', NAME],
      ['history', '-q', NAME],
      ['inspect', '-f', '{{.RootFS.Layers}}', NAME],
      ['inspect', '-f', '{{json .Config}}', NAME],
      ['inspect', '-f', '{{range .Config.Env}}{{println .}}{{end}}', NAME],
      [
        'inspect',
        '-f',
        '{{index .Config.Labels "org.example.purpose"}} {{.Os}}/{{.Architecture}}',
        NAME,
      ],
      ['inspect', '-f', '{{json .GraphDriver}}', NAME],
      ['inspect', '-f', '{{.Id}} {{.Parent}} {{.Size}}', NAME],
    ])
      t.same(
        own(...args)
          .trimEnd()
          .split('\n'),
        dockerd
          .docker(...args)
          .trimEnd()
          .split('\n'),
        args.join(' '),
      )

    // Steps of one build come within a second, and docker shows those in any order.
    const all = dockerd.docker('images', '-aq', '--no-trunc').split('\n').sort()
    t.same(own('images', '-aq', '--no-trunc').split('\n').sort(), all)
    for (const name of all)
      t.same(
        shaleJson<{ Id: string; RootFS: { Layers: string[] } }[]>([
          '--root',
          root,
          'inspect',
          name,
        ]).map(({ Id, RootFS }) => [Id, RootFS.Layers]),
        (
          JSON.parse(dockerd.docker('inspect', name)) as {
            Id: string
            RootFS: { Layers: string[] }
          }[]
        ).map(({ Id, RootFS }) => [Id, RootFS.Layers]),
      )

    t.equal(
      own('cat', `${NAME}:/etc/os-release`),
      dockerd.docker('run', '--rm', '--network=host', NAME, 'cat', '/etc/os-release'),
    )

    const parentID = dockerd.docker('inspect', '-f', '{{.Parent}}', NAME)
    for (const name of [image.imageID, image.imageID.slice(7, 15), parentID]) {
      const refused = dockerd.run(['rmi', name])
      t.equal(refused.code, 1)
      refusals.set(name, refused.stderr.replace(/^Error response from daemon: /, ''))
    }

    const before = readTree(path.join(root, 'image'))
    for (const args of [
      ['tag', NAME, 'other:1'],
      ['rmi', 'real/app:latest'],
      ['load', '-i', realImage.tar],
    ]) {
      const refused = shale(['--root', root, ...args])
      t.equal(refused.code, 11, `${args[0]} is refused`)
      t.match(refused.stderr, /ERR_DOCKERD_RUNNING|running dockerd/)
    }
    t.same(compareTrees(readTree(path.join(root, 'image')), before), [], 'and changed nothing')
  })

  await t.test('saves what docker would', async (t) => {
    const file = path.join(dir, 'saved.tar')
    own('save', '-o', file, NAME)
    const saved = readDockerArchive(file)[0]!
    t.equal(saved.imageID, image.imageID)
    t.same(saved.layers, image.diffIDs)
    fs.rmSync(file)
  })

  await t.test('refuses to remove what docker refuses, with its reasons', async (t) => {
    for (const [name, said] of refusals) {
      const refused = shale(['--root', root, 'rmi', name])
      t.equal(refused.code, 1)
      t.equal(refused.stderr.replace(/^shale: /, ''), said, name)
    }
  })

  await t.test('writes what the daemon then reads', async (t) => {
    own('tag', NAME, 'registry.example:5000/team/app:2')
    own('rmi', 'real/app:latest')
    await using dockerd = await startDockerd(root)
    const names = dockerd
      .docker('images', '--format', '{{.Repository}}:{{.Tag}}')
      .split('\n')
      .sort()
    t.ok(names.includes('registry.example:5000/team/app:2'))
    t.notOk(names.includes('real/app:latest'))
    t.same(own('images', '--format', '{{.Repository}}:{{.Tag}}').split('\n').sort(), names)
    t.equal(
      dockerd.docker('ps', '-aq', '--no-trunc').split('\n').length,
      1,
      'the container is still there',
    )
    dockerd.docker('start', '-a', 'real-container')
    dockerd.docker('rm', 'real-container')
  })

  await t.test('removes it all once nothing holds it', async (t) => {
    const all = own('images', '-aq', '--no-trunc').split('\n')
    shale(['--root', root, 'rmi', '-f', ...new Set(all)])
    t.equal(own('images', '-aq'), '')
    t.same(fs.readdirSync(path.join(root, 'overlay2')), ['l'])
    await using dockerd = await startDockerd(root)
    t.equal(dockerd.docker('images', '-aq'), '')
  })
})
