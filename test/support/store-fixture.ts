// A small store with one of everything that listings tell apart: names of all kinds, an intermediate image, one without
// a name, one without layers. Loaded by shale; what only a running dockerd would leave (parents, digest names, tag
// times, a container) is written by hand, as the store's format has it.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { loadArchive, openStore, type Store } from '../../src/index.ts'
import { buildImage, dockerArchive25, packed, type BuiltImage } from './image.ts'
import { device, dir, fifo, file, layerTar, link, symlink, whiteout } from './layer.ts'
import { temporaryDirectory } from './temporary.ts'

export const BASE_TAR: Buffer = layerTar(
  dir('etc', { mode: 0o755 }),
  file('etc/motd', 'hello\n', { mode: 0o644 }),
  file('etc/old', 'old\n', { mode: 0o600, uid: 1000, gid: 100 }),
  dir('bin'),
  file('bin/tool', '#!/bin/sh\n', { mode: 0o4755 }),
  symlink('bin/alias', '/etc/motd'),
)
export const TOP_TAR: Buffer = layerTar(
  dir('etc', { mode: 0o755 }),
  file('etc/motd', 'good bye\n', { mode: 0o644 }),
  whiteout('etc/old'),
  file('etc/evil\u001b[31m', 'x'),
  link('etc/motd.link', 'etc/motd'),
  dir('dev'),
  device('dev/null', 'char', 1, 3, { mode: 0o666 }),
  fifo('dev/queue'),
  symlink('latest', 'etc'),
)
const SIDE_TAR: Buffer = layerTar(file('side', 'side\n'))

const created = (day: number): string => `2024-01-${String(day).padStart(2, '0')}T10:00:00.5Z`

const base = buildImage([BASE_TAR], {
  created: created(1),
  config: { Cmd: ['/bin/sh'], Labels: { stage: 'base' } },
  history: [{ created: created(1), created_by: '/bin/sh -c #(nop) ADD file:1 in / ' }],
})
const step = buildImage([BASE_TAR, TOP_TAR], {
  created: created(2),
  config: { Cmd: ['/bin/sh'] },
  history: [
    { created: created(1), created_by: '/bin/sh -c #(nop) ADD file:1 in / ' },
    { created: created(2), created_by: 'RUN change & <things>', comment: 'buildkit' },
  ],
})
const app = buildImage([BASE_TAR, TOP_TAR], {
  created: created(3),
  author: 'somebody',
  docker_version: '20.10.24',
  config: {
    Env: ['PATH=/bin', 'MODE=a\u001b[31m'],
    Cmd: ['/bin/tool'],
    Labels: { stage: 'app', 'org.example.of': 'a=b' },
    ExposedPorts: { '80/tcp': {} },
    Healthcheck: { Test: ['CMD', 'true'], Interval: 90_000_000_000 },
  },
  history: [
    { created: created(1), created_by: '/bin/sh -c #(nop) ADD file:1 in / ' },
    { created: created(2), created_by: 'RUN change & <things>', comment: 'buildkit' },
    { created: created(3), created_by: 'CMD ["/bin/tool"]', empty_layer: true },
  ],
})
const dangling = buildImage([BASE_TAR, SIDE_TAR], {
  created: created(4),
  config: {},
  history: [{ created_by: 'ADD' }, { created_by: 'COPY side /' }],
})
/** No layers and no time: legal, and what `FROM scratch` with only ENV gives. */
const scratchConfig = Buffer.from(
  '{"architecture":"amd64","os":"linux","config":{"Env":["A=b"]},"rootfs":{"type":"layers","diff_ids":[]}}',
)

export const IMAGES: Readonly<Record<'base' | 'step' | 'app' | 'dangling', BuiltImage>> = {
  base,
  step,
  app,
  dangling,
}
export const SCRATCH_ID: string = `sha256:${createHash('sha256').update(scratchConfig).digest('hex')}`
export const REGISTRY_DIGEST: string = `sha256:${'ab'.repeat(32)}`
export const LAST_TAGGED = '2024-02-01T00:00:00.25Z'

export interface FixtureStore {
  readonly root: string
  readonly open: () => Promise<Store>
}

export async function fixtureStore(t: {
  teardown(callback: () => void): unknown
}): Promise<FixtureStore> {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  const archive = path.join(dir, 'images.tar')
  fs.writeFileSync(
    archive,
    packed(
      dockerArchive25([
        { image: base, tags: ['base:1'] },
        { image: app, tags: ['app:1', 'app:latest', 'reg.example:5000/team/app:1'] },
        { image: step, tags: ['tmp:step'] },
        { image: dangling, tags: ['tmp:dangling'] },
      ]),
    ),
  )
  const store = await openStore(root, { sync: false })
  await loadArchive(store, archive)
  writeByHand(path.join(root, 'image', store.driver.name))
  return { root, open: () => openStore(root) }
}

function writeByHand(image: string): void {
  const file = path.join(image, 'repositories.json')
  const document = JSON.parse(fs.readFileSync(file, 'utf8')) as {
    Repositories: Record<string, Record<string, string>>
  }
  delete document.Repositories['tmp']
  document.Repositories['base'] = {
    ...document.Repositories['base'],
    [`base@${REGISTRY_DIGEST}`]: base.imageID,
  }
  document.Repositories['void'] = { 'void:latest': SCRATCH_ID }
  fs.writeFileSync(file, JSON.stringify(document))
  fs.writeFileSync(path.join(image, 'imagedb/content/sha256', SCRATCH_ID.slice(7)), scratchConfig)
  writeFact(image, step.imageID, 'parent', base.imageID)
  writeFact(image, app.imageID, 'parent', step.imageID)
  writeFact(image, app.imageID, 'lastUpdated', LAST_TAGGED)
}

function writeFact(image: string, id: string, name: string, text: string): void {
  const dir = path.join(image, 'imagedb/metadata/sha256', id.slice(7))
  fs.mkdirSync(dir, { recursive: true })
  fs.writeFileSync(path.join(dir, name), text)
}
