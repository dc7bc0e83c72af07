// df, why and prune on roots of a real dockerd: its counts, du's bytes, planted orphans; after a prune dockerd opens what
// is left, and what is left is as small as an empty root. Volumes that shale made, as dockerd lists them.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { StoreUsage, WhyAnswer } from '../../src/index.ts'
import { readDockerArchive } from '../support/archive-layers.ts'
import { shale, shaleJson, shaleOk } from '../support/cli.ts'
import { copyTree, DOCKER_PROGRAMS, startDockerd, type Dockerd } from '../support/dockerd.ts'
import { realImage, unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const programs = [...DOCKER_PROGRAMS, 'du', 'tar']
const skip = unless({ interop: true, root: true, programs, realImage: true })
const NAME = 'real/app:1'

function du(...places: string[]): number {
  const said = execFileSync('du', ['-scx', '-B1', ...places], { encoding: 'utf8' })
  return Number(said.trim().split('\n').at(-1)!.split('\t')[0])
}

function usageOf(root: string): StoreUsage {
  return shaleJson<StoreUsage>(['--root', root, 'system', 'df'])
}

/** TYPE, TOTAL and ACTIVE: sizes differ, since docker adds up lengths and shale blocks. */
function counts(table: string): string[] {
  return table
    .trim()
    .split('\n')
    .map((line) => line.split(/ {2,}/).slice(0, 3).join(' '))
}

t.test('beside a running dockerd', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  copyTree(realImage.dockerd, root)
  await using dockerd = await startDockerd(root)
  dockerd.docker('volume', 'create', 'data')
  dockerd.docker(
    'create',
    '--name',
    'second',
    '--network=host',
    '-v',
    'data:/srv/app',
    NAME,
    'true',
  )

  await t.test('counts what docker counts, and bytes as du does', async (t) => {
    t.same(
      counts(shaleOk(['--root', root, 'system', 'df'])),
      counts(dockerd.docker('system', 'df')),
    )
    const found = usageOf(root)
    t.equal(found.totalBytes, du(root))
    const data = found.volumes.items.find(({ name }) => name === 'data')!
    t.equal(data.bytes, du(path.join(root, 'volumes/data')))
    t.equal(data.links, 1)
    const app = found.images.items.find(({ repoTags }) => repoTags.includes(NAME))!
    const layers = shaleJson<{ directory: string; layerdb: string }[]>([
      '--root',
      root,
      'layers',
      NAME,
    ])
    const places = layers.flatMap(({ directory, layerdb }) => {
      const own = path.dirname(directory)
      // Its target is too long for the inode: the short name takes a block of its own.
      const link = fs.readFileSync(path.join(own, 'link'), 'utf8')
      return [own, layerdb, path.join(root, 'overlay2/l', link)]
    })
    const config = path.join(root, 'image/overlay2/imagedb/content/sha256', app.id.slice(7))
    const metadata = config.replace('content', 'metadata')
    t.equal(app.bytes, du(...places, config, ...(fs.existsSync(metadata) ? [metadata] : [])))
    t.equal(app.sharedBytes, du(...places.slice(0, 3)), 'the base, which real/debian is')
    t.same(found.leaks, [])
  })

  await t.test('-v says of sharing and containers what docker says', async (t) => {
    // An image with several names has one row, by the first of them in the order of their full names.
    for (const also of ['real/also:2', 'localhost/app:1', 'zzz:1'])
      dockerd.docker('tag', NAME, also)
    const section = (text: string): string[] => {
      const lines = text.split('\n')
      const first = lines.findIndex((line) => line.startsWith('REPOSITORY'))
      return lines
        .slice(first, lines.indexOf('', first))
        .map((line) => line.split(/ {2,}/))
        .map((row) => [row[0], row[1], row[2], row[7]].join(' '))
        .sort()
    }
    t.same(
      section(shaleOk(['--root', root, 'system', 'df', '-v'])),
      section(dockerd.docker('system', 'df', '-v')),
    )
  })

  await t.test('finds what is planted', async (t) => {
    const orphan = path.join(root, 'overlay2', 'f'.repeat(64))
    fs.mkdirSync(path.join(orphan, 'diff'), { recursive: true })
    fs.writeFileSync(path.join(orphan, 'diff/malware'), Buffer.alloc(3_000_000, 1))
    const { leaks, dockerdRunning } = usageOf(root)
    t.equal(dockerdRunning, true)
    t.same(
      leaks.map(({ kind, bytes }) => [kind, bytes]),
      [['driver-directory', du(orphan)]],
    )
    const [answer] = shaleJson<WhyAnswer[]>(['why', path.join(orphan, 'diff/malware')])
    t.match(answer, { root, kind: 'leak', leak: { kind: 'driver-directory' } })
    const refused = shale(['--root', root, 'system', 'prune', '-f'])
    t.equal(refused.code, 11)
    fs.rmSync(orphan, { recursive: true })
  })

  await t.test('says whose the mount of a running container is', async (t) => {
    const id = dockerd.docker(
      'run',
      '-d',
      '--network=host',
      '--name',
      'sleeper',
      NAME,
      'sleep',
      '600',
    )
    const format = '{{.GraphDriver.Data.MergedDir}}'
    const merged = dockerd.docker('inspect', '-f', format, 'sleeper')
    const [answer] = shaleJson<WhyAnswer[]>(['why', path.join(merged, 'etc/os-release')])
    t.match(answer, { kind: 'container', containers: [{ id, name: 'sleeper', status: 'running' }] })
    const mounted = execFileSync('grep', [merged, '/proc/self/mounts'], { encoding: 'utf8' })
    const link = /l\/([A-Z2-7]{26})/.exec(mounted)![1]!
    t.match(shaleOk(['--root', root, 'why', link]), /is (the init layer )?of container|is layer/)
    dockerd.docker('rm', '-f', 'sleeper')
  })
})

t.test('what df says an image frees is what docker rmi frees', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  {
    await using dockerd = await startDockerd(root)
    importTree(dockerd, dir, 'base:1', 'base', 700_000)
    build(dockerd, dir, 'one:1', 'FROM base:1\nCOPY two /one\nCOPY two /again')
    build(dockerd, dir, 'two:1', 'FROM one:1\nCOPY two /two\nENV A=b')
    build(dockerd, dir, 'own:1', 'FROM base:1\nLABEL only=env')
  }
  const before = usageOf(root)
  t.equal(before.images.items.length, 4)
  for (const { repoTags, freedBytes } of before.images.items) {
    const copy = path.join(dir, `copy-${repoTags[0]!.slice(0, 3)}`)
    copyTree(root, copy)
    {
      await using dockerd = await startDockerd(copy)
      dockerd.docker('rmi', repoTags[0]!)
    }
    t.equal(before.images.bytes - usageOf(copy).images.bytes, freedBytes, repoTags.join())
  }
})

function importTree(dockerd: Dockerd, dir: string, name: string, file: string, size: number): void {
  const tree = path.join(dir, `tree-${file}`)
  fs.mkdirSync(tree)
  fs.writeFileSync(path.join(tree, file), Buffer.alloc(size, file))
  const tar = execFileSync('tar', ['-C', tree, '-c', '.'], { maxBuffer: 1 << 26 })
  const done = dockerd.run(['import', '-', name], tar)
  if (done.code !== 0) throw new Error(done.stderr)
}

function build(dockerd: Dockerd, dir: string, name: string, dockerfile: string): void {
  const context = path.join(dir, `context-${name.slice(0, 3)}`)
  fs.mkdirSync(context)
  fs.writeFileSync(path.join(context, 'Dockerfile'), `${dockerfile}\n`)
  fs.writeFileSync(path.join(context, 'two'), Buffer.alloc(200_000, 'two'))
  dockerd.run(['build', '-q', '-t', name, context])
}

t.test('prune leaves an empty root, and dockerd opens it', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  copyTree(realImage.dockerd, root)
  const empty = path.join(dir, 'empty')
  {
    await using _dockerd = await startDockerd(empty)
  }
  const layerdb = path.join(root, 'image/overlay2/layerdb')
  fs.mkdirSync(path.join(layerdb, 'tmp/write-set-1'), { recursive: true })
  fs.mkdirSync(path.join(root, 'overlay2', 'a'.repeat(64), 'diff'), { recursive: true })
  fs.symlinkSync('../gone/diff', path.join(root, 'overlay2/l/GONEGONEGONEGONEGONEGONEGO'))
  const dry = shaleOk(['--root', root, 'system', 'prune', '-a', '--dry-run'])
  const run = shaleOk(['--root', root, 'system', 'prune', '-af'])
  t.equal(run, dry)
  const store = ['image', 'overlay2', 'containers']
  const sizes = (at: string): number[] => store.map((name) => du(path.join(at, name)))
  const [left, fresh] = [sizes(root), sizes(empty)]
  for (const [index, bytes] of left.entries())
    t.ok(bytes < fresh[index]! + 100_000, `${store[index]}: ${bytes}, empty ${fresh[index]}`)
  await using dockerd = await startDockerd(root)
  t.equal(dockerd.docker('images', '-aq'), '')
  t.equal(dockerd.docker('ps', '-aq'), '')
  importTree(dockerd, dir, 'new:1', 'new', 1000)
  t.equal(dockerd.docker('images', '--format', '{{.Repository}}:{{.Tag}}'), 'new:1')
})

t.test('prune takes the leaks and leaves what dockerd needs', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  copyTree(realImage.dockerd, root)
  fs.mkdirSync(path.join(root, 'overlay2', 'a'.repeat(64), 'diff'), { recursive: true })
  t.equal(usageOf(root).leaks.length, 1)
  shaleOk(['--root', root, 'system', 'prune', '-f'])
  t.same(usageOf(root).leaks, [])
  await using dockerd = await startDockerd(root)
  const alive = ['run', '--rm', '--network=host', NAME, 'sh', '-c', 'echo alive']
  t.equal(dockerd.docker(...alive), 'alive')
  const saved = path.join(dir, 'saved.tar')
  dockerd.docker('save', '-o', saved, NAME)
  t.same(readDockerArchive(saved)[0]!.layers, readDockerArchive(realImage.tar)[0]!.layers)
})

t.test('dockerd lists and uses the volumes that shale made', { skip }, async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  const own = (...args: string[]): string => shaleOk(['--root', root, ...args])
  own('load', '-q', '-i', realImage.tar)
  own('volume', 'create', 'plain')
  own('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', '-o', 'o=size=1m', 'opt')
  const anonymous = own('volume', 'create')
  const listed = own('volume', 'ls', '--format', '{{.Driver}} {{.Name}} {{.Mountpoint}}')
  const plain = own('volume', 'inspect', 'plain')
  {
    await using dockerd = await startDockerd(root)
    t.equal(
      dockerd.docker('volume', 'ls', '--format', '{{.Driver}} {{.Name}} {{.Mountpoint}}'),
      listed,
    )
    t.same(JSON.parse(dockerd.docker('volume', 'inspect', 'plain')), JSON.parse(plain))
    // What it has no record of in its database it does not show; it mounts by opts.json all the same.
    const script = 'grep " /v " /proc/mounts'
    const mounted = dockerd.docker(
      'run',
      '--rm',
      '--network=host',
      '-v',
      'opt:/v',
      NAME,
      'sh',
      '-c',
      script,
    )
    t.match(mounted, /^tmpfs \/v tmpfs .*size=1024k/)
    dockerd.docker(
      'run',
      '--rm',
      '--network=host',
      '-v',
      'plain:/v',
      NAME,
      'sh',
      '-c',
      'echo x >/v/f',
    )
    dockerd.docker('volume', 'rm', anonymous)
    t.notOk(fs.existsSync(path.join(root, 'volumes', anonymous)), 'with the file of its labels')
  }
  t.equal(fs.readFileSync(path.join(root, 'volumes/plain/_data/f'), 'utf8'), 'x\n')
  t.equal(own('volume', 'ls', '-q'), 'opt\nplain', 'listing goes on')
  const refused = shale(['--root', root, 'volume', 'rm', 'plain'])
  t.equal(refused.code, 1)
  t.match(refused.stderr, 'dockerd keeps its books')
})
