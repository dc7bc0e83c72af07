// `shale import` as its user sees it: every source gives the image that docker would make of it.

import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import t from 'tap'
import { isRoot } from '../support/host.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { diffIDOf, file, gzip, layerTar } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const rootfs = layerTar(file('etc/motd', 'hello\n'))

interface Inspected {
  readonly Id: string
  readonly RepoTags: readonly string[]
  readonly Comment: string
  readonly Architecture: string
  readonly Config: {
    readonly Cmd: readonly string[] | null
    readonly Env: readonly string[] | null
  }
  readonly RootFS: { readonly Layers: readonly string[] }
}

async function inspect(root: string, name: string): Promise<Inspected> {
  const done = await shaleInProcess(['inspect', name], { root })
  if (done.code !== 0) throw new Error(done.stderr)
  return (JSON.parse(done.stdout) as Inspected[])[0]!
}

t.test('a file, with changes and a message', async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  const tar = path.join(dir, 'rootfs.tar.gz')
  fs.writeFileSync(tar, gzip(rootfs))
  const done = await shaleInProcess(
    [
      'import',
      '-c',
      'CMD ["/bin/sh", "-l"]',
      '--change',
      'ENV A=b',
      '-m',
      'by hand',
      '--platform',
      'linux/arm64',
      tar,
      'base:1',
    ],
    { root },
  )
  t.equal(done.code, 0, done.stderr)
  t.match(done.stdout, /^sha256:[0-9a-f]{64}\n$/)
  const image = await inspect(root, 'base:1')
  t.equal(`${image.Id}\n`, done.stdout)
  t.equal(image.Comment, 'by hand')
  t.equal(image.Architecture, 'arm64')
  t.same(image.Config.Cmd, ['/bin/sh', '-l'])
  t.same(image.Config.Env, ['A=b'])
  t.same(image.RootFS.Layers, [diffIDOf(rootfs)], 'the layer is the tar, uncompressed')
})

t.test('standard input, without a name', async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  const done = await shaleInProcess(['import', '-'], { root, stdin: rootfs })
  t.equal(done.code, 0, done.stderr)
  const image = await inspect(root, done.stdout.trim())
  t.same(image.RepoTags, [])
  t.equal(image.Comment, 'Imported from -')
  t.same(image.RootFS.Layers, [diffIDOf(rootfs)])
})

t.test('what a command that failed sent', async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  const empty = await shaleInProcess(['import', '-'], { root, stdin: Buffer.alloc(0) })
  t.equal(empty.code, 0, 'as docker has it')
  t.equal(empty.stderr, 'shale: warning: standard input is empty, and so is the image\n')
})

t.test('a terminal as standard input is refused', async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  const done = await shaleInProcess(['import', '-'], { root, terminal: { stdin: true } })
  t.equal(done.code, 2)
  t.match(done.stderr, 'but stdin is empty')
})

t.test('a directory: what it holds can be read back', async (t) => {
  const dir = temporaryDirectory(t)
  const tree = path.join(dir, 'tree')
  fs.mkdirSync(path.join(tree, 'etc'), { recursive: true })
  fs.writeFileSync(path.join(tree, 'etc/motd'), 'hello\n')
  fs.symlinkSync('motd', path.join(tree, 'etc/link'))
  const root = path.join(dir, 'root')
  const done = await shaleInProcess(['--json', 'import', tree, 'base'], { root })
  t.equal(done.code, 0, done.stderr)
  t.match(JSON.parse(done.stdout), { name: 'base:latest', imageID: /^sha256:/ })
  t.equal((await shaleInProcess(['cat', 'base:/etc/link'], { root })).stdout, 'hello\n')
  t.equal((await inspect(root, 'base')).Comment, 'Imported from -', 'not from whose folder')
})

t.test('a directory with a file that may not be read', { skip: isRoot && 'as root' }, async (t) => {
  const dir = temporaryDirectory(t)
  const tree = path.join(dir, 'tree')
  fs.mkdirSync(path.join(tree, 'etc'), { recursive: true })
  fs.writeFileSync(path.join(tree, 'etc/shadow'), '', { mode: 0 })
  const done = await shaleInProcess(['import', tree], { root: path.join(dir, 'root') })
  t.equal(done.code, 1)
  t.equal(
    done.stderr,
    `shale: cannot pack ${tree}: cannot read etc/shadow: permission denied (EACCES); make it readable, or run as its owner\n`,
  )
})

t.test('an empty file is a tar without members, as docker has it', async (t) => {
  const dir = temporaryDirectory(t)
  for (const bytes of [0, 1024]) {
    const file = path.join(dir, `zeros-${bytes}`)
    fs.writeFileSync(file, Buffer.alloc(bytes))
    const done = await shaleInProcess(['import', file], { root: path.join(dir, 'root') })
    t.equal(done.code, 0, done.stderr)
  }
})

/** Serves by path; counts what was asked for. */
async function serve(
  t: { teardown(undo: () => Promise<void>): unknown },
  answers: Readonly<Record<string, (response: http.ServerResponse) => void>>,
): Promise<string> {
  const server = http.createServer((request, response) => {
    const answer = answers[request.url ?? '']
    if (answer) answer(response)
    else response.writeHead(404, 'Not Found').end('no')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('a tar whose first member has no name is one all the same', async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  const tar = path.join(dir, 'rootfs.tar')
  fs.writeFileSync(tar, layerTar(file('', 'nameless'), file('f', 'named')))
  const done = await shaleInProcess(['import', tar, 'base:1'], { root })
  t.equal(done.code, 0, done.stderr)
  t.equal((await shaleInProcess(['cat', 'base:1:/f'], { root })).stdout, 'named')
})

t.test('a URL, through redirects', async (t) => {
  const base = await serve(t, {
    '/start': (response) => response.writeHead(302, { location: '/end' }).end(),
    '/end': (response) => response.writeHead(200, { 'content-length': rootfs.length }).end(rootfs),
  })
  const root = path.join(temporaryDirectory(t), 'root')
  const done = await shaleInProcess(['import', `${base}/start`, 'base:1'], { root })
  t.equal(done.code, 0, done.stderr)
  const image = await inspect(root, 'base:1')
  t.same(image.RootFS.Layers, [diffIDOf(rootfs)])
  t.equal(image.Comment, `Imported from ${base}/start`)
})

t.test('a URL that does not give all of it', async (t) => {
  const base = await serve(t, {
    '/loop': (response) => response.writeHead(302, { location: '/loop' }).end(),
    '/away': (response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
    '/broken': (response) => {
      response.writeHead(200, { 'content-length': rootfs.length })
      response.write(rootfs.subarray(0, 700), () => response.destroy())
    },
  })
  const root = path.join(temporaryDirectory(t), 'root')
  const cases: readonly (readonly [string, RegExp])[] = [
    ['/missing', /the server answered 404 Not Found/],
    ['/loop', /redirects more than 20 times/],
    ['/away', /redirects to "file:\/\/\/etc\/passwd", which is no http URL/],
    ['/broken', /the connection broke after \d+ bytes/],
  ]
  for (const [where, says] of cases) {
    const done = await shaleInProcess(['--quiet', 'import', `${base}${where}`, 'base:1'], { root })
    t.equal(done.code, 1, where)
    t.match(done.stderr, /^shale: cannot download http[^\n]*\n$/)
    t.match(done.stderr, says)
    t.equal((await shaleInProcess(['images', '-q'], { root })).stdout, '')
  }
})
