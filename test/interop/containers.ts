// Containers across the fence: dockerd lists, starts, commits and removes one that shale made; shale compares, commits
// and exports one that a stopped dockerd left, with dockerd's own results beside.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { shaleOk } from '../support/cli.ts'
import { copyTree, DOCKER_PROGRAMS, startDockerd, unmountBelow } from '../support/dockerd.ts'
import { realImage, unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const skip = unless({ interop: true, root: true, programs: DOCKER_PROGRAMS, realImage: true })
const NAME = 'real/app:1'

t.test('dockerd takes a container that shale made for its own', { skip }, async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  shaleOk(['--root', root, 'load', '-q', '-i', realImage.tar])
  const script = 'echo "$A $PWD" && cat /etc/added'
  const id = shaleOk([
    '--root',
    root,
    'create',
    '--name',
    'web',
    '-e',
    'A=from-shale',
    '-w',
    '/srv',
    NAME,
    'sh',
    '-c',
    script,
  ])
  const added = path.join(path.dirname(root), 'added')
  fs.writeFileSync(added, 'copied in\n')
  shaleOk(['--root', root, 'cp', added, 'web:/etc/added'])
  {
    await using dockerd = await startDockerd(root)
    t.equal(dockerd.docker('ps', '-a', '--no-trunc', '--format', '{{.ID}} {{.Names}}'), `${id} web`)
    t.same(dockerd.docker('diff', 'web').split('\n').sort(), ['A /etc/added', 'C /etc'])
    const committed = dockerd.docker('commit', 'web', 'by/docker:1')
    t.match(committed, /^sha256:/)
    t.equal(
      dockerd.docker('run', '--rm', '--network=host', 'by/docker:1', 'cat', '/etc/added'),
      'copied in',
    )
  }
  const byShale = shaleOk(['--root', root, 'commit', 'web', 'by/shale:1'])
  t.match(byShale, /^sha256:/)
  const trees = ['by/docker:1', 'by/shale:1'].map((name) =>
    shaleOk(['--root', root, 'diff', NAME, name]),
  )
  t.equal(trees[1], trees[0], 'both commits mean the same')
  {
    await using dockerd = await startDockerd(root)
    dockerd.docker('rm', 'web')
    t.equal(dockerd.docker('ps', '-aq'), '')
    dockerd.docker('rmi', 'by/docker:1', 'by/shale:1', NAME)
    t.equal(dockerd.docker('images', '-aq'), '')
  }
  t.same(fs.readdirSync(path.join(root, 'overlay2')), ['l'], 'nothing is left of either')
})

t.test('shale reads a container that dockerd left', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  copyTree(realImage.dockerd, root)
  t.teardown(() => unmountBelow(root))
  let byDocker: string[]
  const exported = path.join(dir, 'docker.tar')
  {
    await using dockerd = await startDockerd(root)
    dockerd.docker(
      'create',
      '--name',
      'left',
      '--network=host',
      NAME,
      'sh',
      '-c',
      'rm -r /etc/apt; echo x > /etc/new; chmod 700 /srv',
    )
    dockerd.docker('start', '-a', 'left')
    byDocker = dockerd.docker('diff', 'left').split('\n').sort()
    dockerd.docker('export', '-o', exported, 'left')
  }
  t.same(shaleOk(['--root', root, 'diff', 'left']).split('\n').sort(), byDocker)
  const mine = path.join(dir, 'shale.tar')
  shaleOk(['--root', root, 'export', '-o', mine, 'left'])
  const listing = (tar: string): string[] =>
    spawnSync('tar', ['--numeric-owner', '-tvf', tar], { encoding: 'utf8', maxBuffer: 1 << 28 })
      .stdout.trim()
      .split('\n')
      // A hardlink's first name is whichever comes first; the kernel lists in an order of its own.
      .filter((line) => !line.startsWith('h') && !line.startsWith('-'))
      .map((line) => line.replace(/ +/g, ' '))
      .sort()
  t.same(listing(mine), listing(exported), 'directories, links and devices as docker exports them')
  t.match(
    shaleOk(['--root', root, 'ps', '-a', '--format', '{{.Names}} {{.Status}}']),
    /left Exited \(0\)/,
  )
})
