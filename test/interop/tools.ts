// Other people's tools read each format that shale saves, and shale loads each that they write.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { readDockerArchive, sha256, sha256OfFile } from '../support/archive-layers.ts'
import { shaleJson, shaleOk } from '../support/cli.ts'
import { DOCKER_PROGRAMS, startDockerd } from '../support/dockerd.ts'
import { realImage, unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { compareTrees, readTree } from '../support/tree.ts'

const NAME = 'real/app:1'

function needs(...programs: string[]): string | false {
  return unless({ interop: true, root: true, programs, realImage: true })
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

function layersOf(root: string, name: string): readonly string[] {
  type Inspected = { readonly RootFS: { readonly Layers: readonly string[] } }
  return shaleJson<Inspected[]>(['--root', root, 'inspect', name])[0]!.RootFS.Layers
}

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

/** One load for the whole file; `save` reads it in each format. */
const store = path.join(temporaryDirectory(t), 'store')
const isSkipped = needs() !== false
const image = isSkipped ? undefined : readDockerArchive(realImage.tar)[0]!
if (!isSkipped) shaleOk(['--root', store, 'load', '-i', realImage.tar])

function saved(dir: string, format: string): string {
  const to = path.join(dir, format)
  shaleOk(['--root', store, 'save', '--format', format, '-o', to, NAME])
  return to
}

/** Loads into an empty root of its own and compares the layers with the real image's. */
function loads(t: Test, dir: string, input: string, message: string): void {
  const root = path.join(dir, `root-${message.replace(/\W/g, '-')}`)
  const said = shaleOk(['--root', root, 'load', '-i', input])
  const [, name] = /Loaded image(?: ID)?: (\S+)/.exec(said) ?? []
  t.ok(name, `${message}: ${said}`)
  t.same(layersOf(root, name!), image!.diffIDs, message)
  // The layers' bytes once more, through tar-split.
  const again = path.join(dir, 'again.tar')
  shaleOk(['--root', root, 'save', '-o', again, name!])
  t.same(readDockerArchive(again)[0]!.layers, image!.diffIDs, `${message}, and out again`)
  fs.rmSync(again)
  fs.rmSync(root, { recursive: true, force: true })
}

t.test('docker reads what shale saves', { skip: needs(...DOCKER_PROGRAMS) }, async (t) => {
  const dir = temporaryDirectory(t)
  const file = saved(dir, 'docker-archive')
  await using dockerd = await startDockerd(path.join(dir, 'docker'))
  t.match(dockerd.docker('load', '-i', file), `Loaded image: ${NAME}`)
  t.equal(dockerd.docker('inspect', '-f', '{{.Id}}', NAME), image!.imageID)
  t.equal(dockerd.docker('run', '--rm', '--network=host', NAME), '42')
})

t.test('skopeo', { skip: needs('skopeo') }, async (t) => {
  const dir = temporaryDirectory(t)
  const inspected = (from: string): { Digest: string; Layers: string[] } =>
    JSON.parse(run('skopeo', 'inspect', from)) as { Digest: string; Layers: string[] }

  await t.test('reads what shale saves', async (t) => {
    const archive = saved(dir, 'docker-archive')
    const config = run(
      'skopeo',
      'inspect',
      '--config',
      '--raw',
      `docker-archive:${archive}:${NAME}`,
    )
    t.equal(sha256(Buffer.from(config)), image!.imageID, 'docker-archive: config')
    for (const [format, transport] of [
      ['docker-archive', 'docker-archive'],
      ['oci-archive', 'oci-archive'],
      ['oci-dir', 'oci'],
    ] as const) {
      const from = `${transport}:${format === 'docker-archive' ? archive : saved(dir, format)}`
      t.equal(inspected(from).Layers.length, image!.diffIDs.length, `${format}: layers`)
      // skopeo hashes every layer on the way, and refuses those that do not fit.
      const copy = path.join(dir, `copy-of-${format}`)
      run('skopeo', 'copy', '--quiet', from, `dir:${copy}`)
      const blobs = fs.readdirSync(copy).filter((name) => /^[0-9a-f]{64}$/.test(name))
      const digests = new Set(blobs.map((name) => sha256OfFile(path.join(copy, name))))
      for (const diffID of image!.diffIDs) t.ok(digests.has(diffID), `${format}: ${diffID}`)
      fs.rmSync(copy, { recursive: true })
    }
  })

  await t.test('writes what shale loads', async (t) => {
    for (const [transport, message] of [
      ['docker-archive', 'docker-archive'],
      ['oci', 'OCI layout'],
      ['oci-archive', 'OCI archive'],
    ] as const) {
      const to = path.join(dir, `by-skopeo-${transport}`)
      run('skopeo', 'copy', '--quiet', `oci:${realImage.oci}:app`, `${transport}:${to}:${NAME}`)
      loads(t, dir, to, `skopeo ${message}`)
    }
    // The layout that they all start from has gzip.
    const zstd = path.join(dir, 'by-skopeo-zstd')
    const flags = ['--quiet', '--dest-compress', '--dest-compress-format', 'zstd']
    run('skopeo', 'copy', ...flags, `oci:${realImage.oci}:app`, `oci:${zstd}:app`)
    loads(t, dir, zstd, 'skopeo OCI layout with zstd')
  })
})

t.test('umoci', { skip: needs('umoci') }, async (t) => {
  const dir = temporaryDirectory(t)

  await t.test('unpacks what shale saves to the tree that shale shows', async (t) => {
    const layout = saved(dir, 'oci-dir')
    const tags = run('umoci', 'ls', '--layout', layout).trim().split('\n')
    t.equal(tags.length, 1, tags.join())
    const bundle = path.join(dir, 'bundle')
    run('umoci', 'unpack', '--image', `${layout}:${tags[0]!}`, bundle)
    t.ok(fs.existsSync(path.join(bundle, 'rootfs/etc/debian_version')))
    const mounted = path.join(dir, 'mounted')
    fs.mkdirSync(mounted)
    shaleOk(['--root', store, 'mount', NAME, mounted])
    // umoci applies a root entry, and keeps no times of parents that only whiteouts touch.
    const options = { directoryTimes: false }
    const found = readTree(mounted, options)
    const wanted = readTree(path.join(bundle, 'rootfs'), options)
    for (const tree of [found, wanted]) tree.delete('')
    t.same(compareTrees(found, wanted), [])
    shaleOk(['--root', store, 'umount', mounted])
  })

  await t.test('writes what shale loads', async (t) => {
    const layout = path.join(dir, 'by-umoci')
    fs.cpSync(realImage.oci, layout, { recursive: true })
    const bundle = path.join(dir, 'edited')
    run('umoci', 'unpack', '--image', `${layout}:app`, bundle)
    fs.writeFileSync(path.join(bundle, 'rootfs/srv/by-umoci'), 'umoci\n')
    fs.rmSync(path.join(bundle, 'rootfs/srv/app'), { recursive: true })
    run('umoci', 'repack', '--image', `${layout}:edited`, bundle)
    run('umoci', 'rm', '--image', `${layout}:app`)
    const root = path.join(dir, 'root')
    const [, name] =
      /Loaded image(?: ID)?: (\S+)/.exec(shaleOk(['--root', root, 'load', '-i', layout])) ?? []
    t.same(layersOf(root, name!).slice(0, -1), image!.diffIDs)
    t.equal(shaleOk(['--root', root, 'cat', `${name!}:/srv/by-umoci`]), 'umoci')
    t.notMatch(shaleOk(['--root', root, 'ls', `${name!}:/srv`]).split('\n'), ['app'])
  })
})

t.test('podman', { skip: needs('podman') }, async (t) => {
  const dir = temporaryDirectory(t)
  const storage = containersStorage(dir)
  const podman = (...args: string[]): string => run('podman', ...storage, ...args).trim()

  await t.test('loads what shale saves', async (t) => {
    for (const format of ['docker-archive', 'oci-archive', 'oci-dir']) {
      const from = saved(dir, format)
      // podman makes a name of the path, and wants it in lower case.
      if (format === 'oci-dir')
        execFileSync('podman', [...storage, 'pull', '-q', `oci:${format}`], { cwd: dir })
      else podman('load', '-q', '-i', from)
      const [id, ...others] = podman('images', '-q', '--no-trunc').split('\n')
      t.equal(id, image!.imageID, `${format}: image ID`)
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
      loads(t, dir, to, `podman ${format}`)
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
