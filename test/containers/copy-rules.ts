// docker cp's table, as a real docker answered it (fixtures/copy): which name lands where, and what is refused.

import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import {
  archiveFrom,
  createContainer,
  openStore,
  removeContainer,
  readTar,
} from '../../src/index.ts'
import { pathText } from '../../src/path/byte-path.ts'
import { containerFixture } from '../support/container.ts'
import { isRoot } from '../support/host.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { dir, fifo, file, layerTar, link, symlink, type LayerEntryInit } from '../support/layer.ts'

interface Entry {
  readonly path: string
  readonly type: 'directory' | 'file' | 'symlink' | 'hardlink' | 'fifo'
  readonly content?: string
  readonly target?: string
  readonly mode?: string
  readonly uid?: number
  readonly gid?: number
}

interface Result {
  readonly args: readonly string[]
  readonly code: number
  readonly stderr?: string
  readonly tree?: Readonly<Record<string, string>>
  readonly names?: readonly string[]
}

const FIXTURES = fileURLToPath(new URL('../../../fixtures/copy/', import.meta.url))
const read = (name: string): unknown =>
  JSON.parse(fs.readFileSync(path.join(FIXTURES, name), 'utf8'))
const { image, host } = read('cases.json') as { image: Entry[]; host: Entry[] }
const { results } = read('docker.json') as { results: Result[] }

function layerEntry(entry: Entry): LayerEntryInit {
  const { path: name, type, content = '', target = '', uid = 0, gid = 0 } = entry
  const metadata = { uid, gid, mode: modeOf(entry) }
  if (type === 'directory') return dir(name, metadata)
  if (type === 'symlink') return symlink(name, target, { uid, gid })
  if (type === 'hardlink') return link(name, target, metadata)
  return type === 'fifo' ? fifo(name, metadata) : file(name, content, metadata)
}

function modeOf({ type, mode }: Entry): number {
  return parseInt(mode ?? (type === 'directory' ? '755' : '644'), 8)
}

function buildHost(directory: string): void {
  fs.mkdirSync(directory)
  for (const entry of host) {
    const at = path.join(directory, entry.path)
    if (entry.type === 'directory') fs.mkdirSync(at)
    else if (entry.type === 'symlink') fs.symlinkSync(entry.target!, at)
    else fs.writeFileSync(at, entry.content!)
    if (entry.type === 'symlink') continue
    if (isRoot) fs.chownSync(at, entry.uid ?? 0, entry.gid ?? 0)
    fs.chmodSync(at, modeOf(entry))
  }
}

/** In the words of fixtures/copy/record.mjs. */
function hostTree(directory: string): Record<string, string> {
  const tree: Record<string, string> = {}
  const inodes = new Map<number, string>()
  const visit = (relative: string): void => {
    for (const name of fs.readdirSync(path.join(directory, relative)).sort()) {
      const at = path.join(relative, name)
      const status = fs.lstatSync(path.join(directory, at))
      const first = status.isDirectory() ? undefined : inodes.get(status.ino)
      inodes.set(status.ino, at)
      const mode = (status.mode & 0o7777).toString(8).padStart(4, '0')
      const owner = `${status.uid}:${status.gid}`
      if (first !== undefined) tree[at] = `link ${first}`
      else if (status.isDirectory()) tree[at] = `directory ${mode} ${owner}`
      else if (status.isSymbolicLink())
        tree[at] = `symlink ${owner} ${fs.readlinkSync(path.join(directory, at))}`
      else if (status.isFile()) {
        const content = fs.readFileSync(path.join(directory, at), 'utf8').trim()
        tree[at] = `file ${mode} ${owner} ${content}`
      } else tree[at] = `${status.isFIFO() ? 'fifo' : 'special'} ${mode} ${owner}`
      if (status.isDirectory()) visit(at)
    }
  }
  visit('')
  return tree
}

async function containerTree(root: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {}
  for await (const { header, body } of readTar(await archiveFrom(await openStore(root), 'box:/'))) {
    const name = pathText(header.path).replace(/^\/|\/$/g, '')
    if (name === '' || /^(\.dockerenv|dev|etc|proc|sys)(\/|$)/.test(name)) continue
    const mode = header.mode.toString(8).padStart(4, '0')
    const owner = `${header.uid}:${header.gid}`
    const target = pathText(header.linkPath)
    let content = ''
    for await (const bytes of body) content += Buffer.from(bytes).toString()
    if (header.type === 'hardlink') tree[name] = `link ${target.replace(/^\//, '')}`
    else if (header.type === 'symlink') tree[name] = `symlink ${owner} ${target}`
    else if (header.type === 'file') tree[name] = `file ${mode} ${owner} ${content.trim()}`
    else tree[name] = `${header.type} ${mode} ${owner}`
  }
  return tree
}

/** Without a name of a user's own: where the tests do not run as root, host files are the user's. */
function comparable(tree: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tree).map(([name, line]) => [
      name,
      isRoot ? line : line.replace(/ \d+:\d+/, ''),
    ]),
  )
}

const byteOrder = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** docker's client says whose words they are, and its daemon on which directory of its own it failed. */
function plainWords(said: string): string {
  return said
    .replace(/^(shale: |Error: |Error response from daemon: )/, '')
    .replace(/^Error processing tar file\(exit status 1\): /, '')
    .trim()
}

/** Where shale says more, or of another path, and why. */
const OTHER_WORDS: Readonly<Record<string, RegExp>> = {
  'box:/f/ out': /^lstat \/f\/: not a directory$/, // not the daemon's own directory
  'box:/f/. out': /^lstat \/f\/.: not a directory$/,
  'box:/f hf/': /^lstat \$HOST\/hf\/: not a directory$/, // one call, not two
  'box:/d hf/': /^lstat \$HOST\/hf\/: not a directory$/,
  'hf/ box:/new': /^lstat \$HOST\/hf\/: not a directory$/, // docker: only the last words
  '-L hlb box:/d': /^lstat \$HOST\/hlb: no such file or directory$/, // the user's own name
  'hf nobox:/f': /^No such container:path: nobox:\/f$/, // docker: `nobox:/`
}

t.test('each case ends as docker recorded it', async (t) => {
  const tar = layerTar(...image.map(layerEntry))
  const { directory, root, store } = await containerFixture(t, [tar])
  const inDirectory = process.cwd()
  t.teardown(() => process.chdir(inDirectory))
  const stdin = layerTar(
    ...host.filter(({ path: name }) => /^h[df]($|\/)/.test(name)).map(layerEntry),
  )
  t.ok(results.length > 100)
  for (const result of results) {
    const place = path.join(directory, 'host')
    fs.rmSync(place, { recursive: true, force: true })
    buildHost(place)
    process.chdir(place)
    const title = result.args.join(' ')
    const done = await shaleInProcess(['cp', ...result.args], {
      root,
      ...(result.args.includes('-') && result.args.at(-1) !== '-' ? { stdin } : {}),
    })
    if (result.code === 0) t.same([done.code, done.stderr], [0, ''], title)
    else {
      t.not(done.code, 0, `${title} is refused`)
      const said = plainWords(done.stderr.replaceAll(fs.realpathSync(place), '$HOST'))
      const wanted = OTHER_WORDS[title]
      if (wanted) t.match(said, wanted, title)
      else t.ok(said.startsWith(plainWords(result.stderr!)), `${title}: ${said} | ${result.stderr}`)
    }
    if (result.names) {
      const names: string[] = []
      for await (const { header } of readTar([done.stdoutBytes])) names.push(pathText(header.path))
      t.same(names.sort(byteOrder), [...result.names].sort(byteOrder), title)
    }
    if (result.tree) {
      const isInto = result.args.at(-1)!.startsWith('box:')
      const tree = isInto ? await containerTree(root) : hostTree(place)
      t.same(comparable(tree), comparable(result.tree), title)
    }
    // What is only read serves the next case as well.
    if (!result.args.at(-1)!.startsWith('box:')) continue
    await removeContainer(store, 'box')
    await createContainer(store, 'base:1', { name: 'box' })
  }
})
