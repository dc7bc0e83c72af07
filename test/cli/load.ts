// `shale load` as its user sees it: docker's lines, every way in, and what the store looks like after input that is bad.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import { EXIT } from '../../cli/exit-code.ts'
import { acquireLock, type Lock } from '../../src/sys/lock.ts'
import { cleanEnvironment, MAIN, startShale, shale, withoutLoader } from '../support/cli.ts'
import { unless } from '../support/host.ts'
import {
  buildImage,
  dockerArchive20,
  dockerArchive25,
  ociLayout,
  packed,
  smallImage,
  unpackedTo,
} from '../support/image.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { file, gzip, layerTar } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const image = smallImage()
const other = buildImage([image.layers[0]!, layerTar(file('other', 'x'))])
const short = image.diffIDs.map((diffID) => diffID.slice(7, 19))

t.test('prints docker’s lines, and the layers on stderr', async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  const archive = path.join(dir, 'app.tar')
  fs.writeFileSync(archive, packed(dockerArchive25([{ image, tags: ['app:1', 'app:2'] }])))

  const first = await shaleInProcess(['load', '-i', archive], { root })
  t.equal(first.code, 0)
  t.equal(first.stdout, 'Loaded image: app:1\nLoaded image: app:2\n')
  t.match(first.stderr, `${short[0]}: Loading layer`)
  t.match(first.stderr, `${short[1]}: done`)

  const again = await shaleInProcess(['image', 'load', '-i', archive], { root })
  t.equal(again.stdout, first.stdout)
  t.equal(again.stderr, short.map((id) => `${id}: Layer already exists\n`).join(''))

  for (const quiet of [
    ['load', '-q', '-i', archive],
    ['load', '--quiet', '-i', archive],
    ['--quiet', 'load', '-i', archive],
  ]) {
    const silent = await shaleInProcess(quiet, { root })
    t.equal(silent.stderr, '', quiet.join(' '))
    t.equal(silent.stdout, first.stdout)
  }
})

t.test('says which name moved, and names an image without a name by its ID', async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  const load = (name: string, tags: string[], which = image): Promise<{ stdout: string }> => {
    const archive = path.join(dir, name)
    fs.writeFileSync(archive, packed(dockerArchive20([{ image: which, tags }])))
    return shaleInProcess(['load', '-q', '-i', archive], { root })
  }
  await load('a.tar', ['app:1'])
  const moved = await load('b.tar', ['app:1'], other)
  t.equal(
    moved.stdout,
    `The image app:1 already exists, renaming the old one with ID ${image.imageID} to empty string\nLoaded image: app:1\n`,
  )
  const nameless = await load('c.tar', [])
  t.equal(nameless.stdout, `Loaded image ID: ${image.imageID}\n`)
})

t.test('reads files, directories, standard input and pipes alike', async (t) => {
  const dir = temporaryDirectory(t)
  const bytes = packed(dockerArchive25([{ image, tags: ['app:1'] }]))
  const archive = path.join(dir, 'app.tar')
  fs.writeFileSync(archive, bytes)
  const layout = unpackedTo(
    path.join(dir, 'layout'),
    ociLayout([{ image, annotations: { 'org.opencontainers.image.ref.name': 'app:1' } }]),
  )
  const ways: readonly (readonly [string, readonly string[], Buffer?])[] = [
    ['a file', ['-i', archive]],
    ['a directory', ['-i', layout]],
    ['standard input', [], bytes],
    ['standard input by name', ['-i', '-'], bytes],
    ['gzipped standard input', [], gzip(bytes)],
  ]
  for (const [what, args, stdin] of ways) {
    const root = fs.mkdtempSync(path.join(dir, 'root-'))
    const done = await shaleInProcess(['load', '-q', ...args], {
      root,
      ...(stdin ? { stdin } : {}),
    })
    t.equal(done.stderr, '', what)
    t.match(done.stdout, /^Loaded image: app:1\n$/, what)
  }
})

t.test('a FIFO is read as it comes', { skip: unless({ programs: ['mkfifo'] }) }, async (t) => {
  const dir = temporaryDirectory(t)
  const fifo = path.join(dir, 'fifo')
  execFileSync('mkfifo', [fifo])
  const running = startShale(['--root', path.join(dir, 'root'), 'load', '-q', '-i', fifo])
  await fs.promises.writeFile(fifo, packed(dockerArchive25([{ image, tags: ['app:1'] }])))
  const done = await running.done
  t.equal(done.stderr, '')
  t.equal(done.stdout, 'Loaded image: app:1\n')
})

t.test('--json gives the whole outcome', async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  const stdin = packed(dockerArchive25([{ image, tags: ['app:1'] }, { image: other }]))
  const done = await shaleInProcess(['load', '--json'], { root, stdin })
  t.same(JSON.parse(done.stdout), [
    { imageID: image.imageID, names: ['app:1'], replaced: [], newLayers: 2, reusedLayers: 0 },
    { imageID: other.imageID, names: [], replaced: [], newLayers: 1, reusedLayers: 1 },
  ])
})

t.test('--platform picks out of an index', async (t) => {
  const dir = temporaryDirectory(t)
  const amd = buildImage([layerTar(file('a', 'a'))], { architecture: 'amd64' })
  const arm = buildImage([layerTar(file('b', 'b'))], { architecture: 'arm64' })
  const layout = unpackedTo(
    path.join(dir, 'layout'),
    ociLayout([
      { image: amd, platform: { os: 'linux', architecture: 'amd64' } },
      { image: arm, platform: { os: 'linux', architecture: 'arm64' } },
    ]),
  )
  const root = path.join(dir, 'root')
  const done = await shaleInProcess(['load', '-q', '--platform', 'linux/arm64', '-i', layout], {
    root,
  })
  t.equal(done.stderr, '')
  t.equal(done.stdout, `Loaded image ID: ${arm.imageID}\n`)
})

t.test('a terminal as standard input is a question, not an archive', async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  const done = await shaleInProcess(['load'], { root, terminal: { stdin: true } })
  t.equal(done.code, 2)
  t.match(done.stderr, 'requested load from stdin, but stdin is empty')
  t.notOk(fs.existsSync(root), 'no store was made for it')
})

t.test('a socket is told as what it is not: a file to read', async (t) => {
  const dir = temporaryDirectory(t)
  const socket = path.join(dir, 'socket')
  const server = net.createServer().listen(socket)
  await once(server, 'listening')
  for (const verb of [['load', '-i'], ['import']]) {
    const done = await startShale(['--root', path.join(dir, 'root'), ...verb, socket]).done
    t.equal(done.code, 1)
    t.match(
      done.stderr,
      /^shale: cannot open [^\n]*\/socket: no such device or address \(ENXIO\)\n$/,
    )
  }
  server.close()
})

/** A load that waits for the rest of its archive, with what it has put aside. */
async function waitingLoad(
  t: Test,
  root: string,
): Promise<{ child: ChildProcess; ended: Promise<{ code: number | null; stderr: string }> }> {
  const [command, args] = withoutLoader([process.execPath, MAIN, '--root', root, 'load'])
  const child = spawn(command, args, { env: cleanEnvironment(), stdio: ['pipe', 'ignore', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stderr }))
  child.stdin.on('error', () => {})
  child.stdin.write(packed(dockerArchive25([{ image, tags: ['app:1'] }])).subarray(0, 1024))
  const aside = path.join(root, 'image/overlay2/layerdb/tmp')
  while (!(fs.existsSync(aside) && fs.readdirSync(aside).length > 0)) await pause(5)
  return { child, ended }
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds))

t.test('a signal undoes it, and one line says so', async (t) => {
  for (const [signal, expected] of [
    ['SIGINT', EXIT.interrupted],
    ['SIGTERM', EXIT.terminated],
    ['SIGHUP', EXIT.hungUp],
  ] as const) {
    const root = path.join(temporaryDirectory(t), 'root')
    const { child, ended } = await waitingLoad(t, root)
    child.kill(signal)
    const { code, stderr } = await ended
    t.equal(code, expected, signal)
    t.equal(stderr, 'shale: interrupted: nothing was loaded\n')
    t.notOk(fs.existsSync(path.join(root, 'image')), 'nothing is left')
  }
})

t.test('one request to end that comes as two signals still undoes everything', async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  const { child, ended } = await waitingLoad(t, root)
  // Undoing needs the lock, so that it cannot be over before the second signal comes.
  let lock: Lock | undefined
  while (!(lock = acquireLock(path.join(root, 'shale/lock')))) await pause(5)
  // As timeout(1) and npm do.
  child.kill('SIGTERM')
  child.kill('SIGINT')
  await Promise.race([ended, pause(300)])
  lock.release()
  const { code } = await ended
  t.ok(code === 143 || code === 130, `the code of the one that came first: ${code}`)
  t.notOk(fs.existsSync(path.join(root, 'image')), 'nothing is left')
})

t.test(
  'an ordinary user loads into a store of their own',
  { skip: unless({ root: true }) },
  async (t) => {
    const dir = temporaryDirectory(t)
    fs.chmodSync(dir, 0o777)
    const archive = path.join(dir, 'app.tar')
    fs.writeFileSync(archive, packed(dockerArchive25([{ image, tags: ['app:1'] }])))
    const root = path.join(dir, 'root')
    const done = shale(['--root', root, 'load', '-q', '-i', archive], { uid: 12_345, gid: 12_345 })
    t.equal(done.stderr, '')
    t.equal(done.stdout, 'Loaded image: app:1\n')
    t.equal(fs.statSync(root).uid, 12_345)
  },
)
