// A real dockerd on a root that shale wrote: it lists, inspects, runs, diffs, commits, saves and removes.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { readDockerArchive } from '../support/archive-layers.ts'
import { shaleJson, shaleOk } from '../support/cli.ts'
import { DOCKER_PROGRAMS, startDockerd, type Dockerd } from '../support/dockerd.ts'
import { realImage, unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const skip = unless({ interop: true, root: true, programs: DOCKER_PROGRAMS, realImage: true })
const NAME = 'real/app:1'

interface Inspected {
  readonly Id: string
  readonly RepoTags: readonly string[]
  readonly Size: number
  readonly Config: object
  readonly RootFS: { readonly Type: string; readonly Layers: readonly string[] }
  readonly GraphDriver: { readonly Name: string; readonly Data: Readonly<Record<string, string>> }
  readonly [key: string]: unknown
}

function inspectByDocker(dockerd: Dockerd, name: string): Inspected {
  return (JSON.parse(dockerd.docker('inspect', name)) as Inspected[])[0]!
}

t.test('dockerd opens what shale wrote', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  const image = readDockerArchive(realImage.tar)[0]!
  t.equal(shaleOk(['--root', root, 'load', '-i', realImage.tar]), `Loaded image: ${NAME}`)

  await using dockerd = await startDockerd(root)

  await t.test('lists it', async (t) => {
    const format = '{{.ID}} {{.Repository}}:{{.Tag}}'
    const listed = dockerd.docker('images', '--no-trunc', '--format', format).split('\n')
    t.same(listed, [`${image.imageID} ${NAME}`])
    t.same(
      shaleOk(['--root', root, 'images', '--no-trunc', '--format', format]).split('\n'),
      listed,
    )
    t.equal(
      shaleOk(['--root', root, 'images', '-q']),
      dockerd.docker('images', '-q'),
      'short IDs too',
    )
  })

  await t.test('inspects it as shale does', async (t) => {
    const byDocker = inspectByDocker(dockerd, NAME)
    t.equal(byDocker.Id, image.imageID)
    t.same(byDocker.RootFS.Layers, image.diffIDs)
    const byShale = shaleJson<Inspected[]>(['--root', root, 'inspect', NAME])[0]!
    const { RootFS, ...rest } = byDocker
    t.match(byShale.RootFS, RootFS)
    for (const [key, value] of Object.entries(rest)) {
      // Set from the daemon's clock when it tags, not from the store.
      if (key === 'Metadata') continue
      t.same(byShale[key], value, key)
    }
  })

  await t.test('tells its history as shale does', async (t) => {
    const args = [
      'history',
      '--no-trunc',
      '--format',
      '{{.ID}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}',
      NAME,
    ]
    t.same(shaleOk(['--root', root, ...args]), dockerd.docker(...args))
  })

  await t.test('runs it', async (t) => {
    t.equal(dockerd.docker('run', '--rm', '--network=host', NAME), '42')
    const script =
      'cat /srv/app/node_modules/commander/index.js; ls -A /usr/share/doc; ls -d /usr/share/locale'
    const done = dockerd.run(['run', '--rm', '--network=host', NAME, 'sh', '-c', script])
    t.equal(done.stdout, '1\nnew\n', 'whiteouts, opaque directories and replacements hold')
    t.match(done.stderr, 'No such file')
    t.equal(
      dockerd.docker(
        'run',
        '--rm',
        '--network=host',
        NAME,
        'sh',
        '-c',
        'getcap /usr/bin/python3.*',
      ),
      dockerd.docker(
        'run',
        '--rm',
        '--network=host',
        NAME,
        'sh',
        '-c',
        'echo $(realpath /usr/bin/python3) cap_net_raw=ep',
      ),
      'file capabilities',
    )
  })

  await t.test('diffs and commits on top', async (t) => {
    const script = 'echo new >/srv/new && rm -r /srv/odd/sub && chmod 700 /srv/app'
    dockerd.docker('run', '--name', 'changed', '--network=host', NAME, 'sh', '-c', script)
    const changes = dockerd.docker('diff', 'changed').split('\n').sort()
    t.same(changes, ['A /srv/new', 'C /srv', 'C /srv/app', 'C /srv/odd', 'D /srv/odd/sub'])
    dockerd.docker('commit', 'changed', 'committed:1')
    const layers = inspectByDocker(dockerd, 'committed:1').RootFS.Layers
    t.same(layers.slice(0, -1), image.diffIDs)
    t.same(
      shaleJson<Inspected[]>(['--root', root, 'inspect', 'committed:1'])[0]!.RootFS.Layers,
      layers,
      'shale reads beside it',
    )
    dockerd.docker('rm', 'changed')
  })

  await t.test('saves the same bytes', async (t) => {
    const file = path.join(dir, 'saved.tar')
    dockerd.docker('save', '-o', file, NAME)
    const saved = readDockerArchive(file)[0]!
    t.equal(saved.imageID, image.imageID)
    t.same(saved.layers, image.diffIDs)
    fs.rmSync(file)
  })

  await t.test('removes it all', async (t) => {
    const images = dockerd.docker('images', '-q').split('\n')
    dockerd.docker('rmi', '-f', ...images)
    t.equal(dockerd.docker('images', '-aq'), '')
    t.same(fs.readdirSync(path.join(root, 'overlay2')), ['l'])
    t.same(fs.readdirSync(path.join(root, 'overlay2', 'l')), [])
    t.same(fs.readdirSync(path.join(root, 'image/overlay2/layerdb/sha256')), [])
  })
})

t.test('dockerd opens a vfs root that shale wrote', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  const small = path.join(dir, 'small.tar')
  {
    // vfs copies the whole tree for each layer: an image of two small layers, made by dockerd.
    await using maker = await startDockerd(path.join(dir, 'maker'), { driver: 'vfs' })
    maker.run(['import', '-', 'small:0'], smallRootfs())
    const context = path.join(dir, 'context')
    fs.mkdirSync(context)
    fs.writeFileSync(path.join(context, 'Dockerfile'), 'FROM small:0\nCOPY Dockerfile /etc/added\n')
    maker.docker('build', '-q', '-t', 'small:1', context)
    maker.docker('save', '-o', small, 'small:1')
  }
  const image = readDockerArchive(small)[0]!
  shaleOk(['--root', root, '--driver', 'vfs', 'load', '-i', small])
  await using dockerd = await startDockerd(root, { driver: 'vfs' })
  t.equal(inspectByDocker(dockerd, 'small:1').Id, image.imageID)
  const saved = path.join(dir, 'saved.tar')
  dockerd.docker('save', '-o', saved, 'small:1')
  t.same(readDockerArchive(saved)[0]!.layers, image.diffIDs)
  dockerd.docker('rmi', 'small:1')
  t.same(fs.readdirSync(path.join(root, 'vfs/dir')), [])
})

/** A tar of a directory and two files, one of them linked twice. */
function smallRootfs(): Buffer {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-small-'))
  try {
    fs.mkdirSync(path.join(dir, 'etc'))
    fs.writeFileSync(path.join(dir, 'etc/one'), 'one\n')
    fs.linkSync(path.join(dir, 'etc/one'), path.join(dir, 'etc/again'))
    fs.writeFileSync(path.join(dir, 'etc/two'), Buffer.alloc(100_000, 'two'))
    return execFileSync('tar', ['-C', dir, '-c', '.'], { maxBuffer: 1 << 24 })
  } finally {
    fs.rmSync(dir, { recursive: true, force: true })
  }
}
