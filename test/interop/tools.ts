// docker, skopeo and umoci read each format that shale saves, and shale loads each that they write.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { sha256, sha256OfFile } from '../support/archive-layers.ts'
import { shaleOk } from '../support/cli.ts'
import { DOCKER_PROGRAMS, startDockerd } from '../support/dockerd.ts'
import { realImage } from '../support/host.ts'
import { layersOf, NAME, needs, RealStore, run } from '../support/real-store.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { compareTrees, readTree } from '../support/tree.ts'

const directory = temporaryDirectory(t)
const real = needs() === false ? new RealStore(directory) : undefined!

t.test('docker reads what shale saves', { skip: needs(...DOCKER_PROGRAMS) }, async (t) => {
  const dir = temporaryDirectory(t)
  const file = real.saved(dir, 'docker-archive')
  await using dockerd = await startDockerd(path.join(dir, 'docker'))
  t.match(dockerd.docker('load', '-i', file), `Loaded image: ${NAME}`)
  t.equal(dockerd.docker('inspect', '-f', '{{.Id}}', NAME), real.image.imageID)
  t.equal(dockerd.docker('run', '--rm', '--network=host', NAME), '42')
})

t.test('skopeo', { skip: needs('skopeo') }, async (t) => {
  const dir = temporaryDirectory(t)
  const inspected = (from: string): { Digest: string; Layers: string[] } =>
    JSON.parse(run('skopeo', 'inspect', from)) as { Digest: string; Layers: string[] }

  await t.test('reads what shale saves', async (t) => {
    const archive = real.saved(dir, 'docker-archive')
    const config = run(
      'skopeo',
      'inspect',
      '--config',
      '--raw',
      `docker-archive:${archive}:${NAME}`,
    )
    t.equal(sha256(Buffer.from(config)), real.image.imageID, 'docker-archive: config')
    for (const [format, transport] of [
      ['docker-archive', 'docker-archive'],
      ['oci-archive', 'oci-archive'],
      ['oci-dir', 'oci'],
    ] as const) {
      const from = `${transport}:${format === 'docker-archive' ? archive : real.saved(dir, format)}`
      t.equal(inspected(from).Layers.length, real.image.diffIDs.length, `${format}: layers`)
      // skopeo hashes every layer on the way, and refuses those that do not fit.
      const copy = path.join(dir, `copy-of-${format}`)
      run('skopeo', 'copy', '--quiet', from, `dir:${copy}`)
      const blobs = fs.readdirSync(copy).filter((name) => /^[0-9a-f]{64}$/.test(name))
      const digests = new Set(blobs.map((name) => sha256OfFile(path.join(copy, name))))
      for (const diffID of real.image.diffIDs) t.ok(digests.has(diffID), `${format}: ${diffID}`)
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
      real.loads(t, dir, to, `skopeo ${message}`)
    }
    // The layout that they all start from has gzip.
    const zstd = path.join(dir, 'by-skopeo-zstd')
    const flags = ['--quiet', '--dest-compress', '--dest-compress-format', 'zstd']
    run('skopeo', 'copy', ...flags, `oci:${realImage.oci}:app`, `oci:${zstd}:app`)
    real.loads(t, dir, zstd, 'skopeo OCI layout with zstd')
  })
})

t.test('umoci', { skip: needs('umoci') }, async (t) => {
  const dir = temporaryDirectory(t)

  await t.test('unpacks what shale saves to the tree that shale shows', async (t) => {
    const layout = real.saved(dir, 'oci-dir')
    const tags = run('umoci', 'ls', '--layout', layout).trim().split('\n')
    t.equal(tags.length, 1, tags.join())
    const bundle = path.join(dir, 'bundle')
    run('umoci', 'unpack', '--image', `${layout}:${tags[0]!}`, bundle)
    t.ok(fs.existsSync(path.join(bundle, 'rootfs/etc/debian_version')))
    const mounted = path.join(dir, 'mounted')
    fs.mkdirSync(mounted)
    shaleOk(['--root', real.root, 'mount', NAME, mounted])
    // umoci applies a root entry, and keeps no times of parents that only whiteouts touch.
    const options = { directoryTimes: false }
    const found = readTree(mounted, options)
    const wanted = readTree(path.join(bundle, 'rootfs'), options)
    for (const tree of [found, wanted]) tree.delete('')
    t.same(compareTrees(found, wanted), [])
    shaleOk(['--root', real.root, 'umount', mounted])
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
    t.same(layersOf(root, name!).slice(0, -1), real.image.diffIDs)
    t.equal(shaleOk(['--root', root, 'cat', `${name!}:/srv/by-umoci`]), 'umoci')
    t.notMatch(shaleOk(['--root', root, 'ls', `${name!}:/srv`]).split('\n'), ['app'])
  })
})
