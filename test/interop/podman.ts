// podman and buildah read each format that shale saves, and shale loads each that they write.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { listMounts } from '../../src/sys/mount-table.ts'
import { FUSE_TYPE } from '../../src/view/fuse/mount-fuse.ts'
import { MAIN, shaleOk } from '../support/cli.ts'
import { fuseSkip } from '../support/fuse-for-users.ts'
import { realImage, unless } from '../support/host.ts'
import { layersOf, NAME, needs, RealStore, run } from '../support/real-store.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const directory = temporaryDirectory(t)
const real = needs() === false ? new RealStore(directory) : undefined!

/** Podman and buildah on a storage of their own, beside nothing else. */
function containersStorage(dir: string): string[] {
  const storage = path.join(dir, 'containers')
  return [
    '--root',
    path.join(storage, 'root'),
    '--runroot',
    path.join(storage, 'run'),
    '--storage-driver',
    'overlay',
  ]
}

t.test('podman', { skip: needs('podman') }, async (t) => {
  const dir = temporaryDirectory(t)
  const storage = containersStorage(dir)
  const podman = (...args: string[]): string => run('podman', ...storage, ...args).trim()

  await t.test('loads what shale saves', async (t) => {
    for (const format of ['docker-archive', 'oci-archive', 'oci-dir']) {
      const from = real.saved(dir, format)
      // podman makes a name of the path, and wants it in lower case.
      if (format === 'oci-dir')
        execFileSync('podman', [...storage, 'pull', '-q', `oci:${format}`], { cwd: dir })
      else podman('load', '-q', '-i', from)
      const [id, ...others] = podman('images', '-q', '--no-trunc').split('\n')
      t.equal(id, real.image.imageID, `${format}: image ID`)
      t.same(others, [])
      if (format !== 'oci-dir')
        t.match(
          podman('images', '--format', '{{.Repository}}:{{.Tag}}'),
          /real\/app:1$/m,
          `${format}: name`,
        )
      podman('rmi', '-f', id!)
    }
  })

  await t.test('saves what shale loads', async (t) => {
    podman('load', '-q', '-i', realImage.tar)
    for (const format of ['docker-archive', 'oci-archive']) {
      const to = path.join(dir, `by-podman-${format}`)
      podman('save', '-q', '--format', format, '-o', to, `localhost/${NAME}`)
      real.loads(t, dir, to, `podman ${format}`)
    }
  })

  await t.test('saves several images that shale loads', async (t) => {
    podman('tag', `localhost/${NAME}`, 'localhost/second:2')
    const to = path.join(dir, 'several.tar')
    podman('save', '-q', '-m', '-o', to, `localhost/${NAME}`, 'localhost/second:2')
    const root = path.join(dir, 'several')
    const said = shaleOk(['--root', root, 'load', '-i', to]).split('\n').sort()
    t.same(said, [`Loaded image: localhost/${NAME}`, 'Loaded image: localhost/second:2'].sort())
  })
})

t.test(
  'podman shows its containers by shale, as its mount_program',
  { skip: needs('podman') || fuseSkip() || unless({ root: true }) },
  async (t) => {
    const dir = temporaryDirectory(t)
    const helper = path.join(path.dirname(MAIN), 'mount-helper.js')
    const storage = [
      ...containersStorage(dir),
      ...['--storage-opt', `overlay.mount_program=${helper}`],
    ]
    const podman = (...args: string[]): string => run('podman', ...storage, ...args).trim()
    const content = path.join(dir, 'content')
    for (const name of ['etc', 'srv']) fs.mkdirSync(path.join(content, name), { recursive: true })
    fs.writeFileSync(path.join(content, 'etc/passwd'), 'root')
    run('tar', '-C', content, '-cf', path.join(dir, 'content.tar'), '.')
    podman('import', '-q', path.join(dir, 'content.tar'), 'localhost/small:1')
    const container = podman('create', 'localhost/small:1', 'sh')
    const merged = podman('mount', container)
    const shown = listMounts().findLast(({ target }) => target === merged)
    t.equal(shown?.type, FUSE_TYPE)
    fs.writeFileSync(path.join(merged, 'made'), 'made')
    fs.rmSync(path.join(merged, 'etc/passwd'))
    fs.chmodSync(path.join(merged, 'srv'), 0o700)
    podman('umount', container)
    t.same(podman('diff', container).split('\n').sort(), [
      'A /made',
      'C /etc',
      'C /srv',
      'D /etc/passwd',
    ])
    podman('commit', '-q', container, 'localhost/changed:1')
    const again = podman('mount', podman('create', 'localhost/changed:1', 'sh'))
    t.equal(fs.readFileSync(path.join(again, 'made'), 'utf8'), 'made')
    t.notOk(fs.existsSync(path.join(again, 'etc/passwd')))
    t.equal(fs.statSync(path.join(again, 'srv')).mode & 0o7777, 0o700)
    podman('rm', '-af')
    podman('rmi', '-af')
    t.notOk(listMounts().some(({ target }) => target.startsWith(`${dir}/`)))
  },
)

t.test('buildah', { skip: needs('buildah') }, async (t) => {
  const dir = temporaryDirectory(t)
  const storage = containersStorage(dir)
  const buildah = (...args: string[]): string => run('buildah', ...storage, ...args).trim()

  const context = path.join(dir, 'context')
  fs.mkdirSync(context)
  fs.writeFileSync(path.join(context, 'one'), 'one\n')
  fs.writeFileSync(
    path.join(context, 'Containerfile'),
    'FROM scratch\nCOPY one /etc/one\nCOPY one /etc/two\n',
  )
  buildah('build', '--layers', '-q', '-t', 'built:1', context)
  for (const transport of ['docker-archive', 'oci-archive', 'oci']) {
    const to = path.join(dir, transport)
    buildah('push', '-q', 'localhost/built:1', `${transport}:${to}:built:1`)
    const root = path.join(dir, `root-${transport}`)
    const [, name] =
      /Loaded image(?: ID)?: (\S+)/.exec(shaleOk(['--root', root, 'load', '-i', to])) ?? []
    const wanted = JSON.parse(buildah('inspect', '--type', 'image', 'localhost/built:1')) as {
      OCIv1: { rootfs: { diff_ids: string[] } }
    }
    t.same(layersOf(root, name!), wanted.OCIv1.rootfs.diff_ids, transport)
    t.equal(shaleOk(['--root', root, 'cat', `${name!}:/etc/two`]), 'one')
    const back = path.join(dir, `back-${transport}`)
    shaleOk(['--root', root, 'save', '--format', 'oci-archive', '-o', back, name!])
    buildah('pull', '-q', `oci-archive:${back}`)
  }
})
