// An image that loaded, by every view: each shows what the kernel's overlay shows (where that can be mounted), nothing
// of what lies outside comes with it, and nothing that is written through one reaches it. Read by lstat, never through a
// link of the image: where that leads on the host is the host's business.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { openImageStack } from '../../../src/inspect/image-stack.ts'
import { pathFromBytes } from '../../../src/path/byte-path.ts'
import { openStore } from '../../../src/store/store.ts'
import { getXattr, listXattrs } from '../../../src/sys/xattr.ts'
import { UnionFs } from '../../../src/unionfs/union-fs.ts'
import { DirectoryUpper } from '../../../src/view/upper/directory-upper.ts'
import { DiskLayer } from '../../../src/view/upper/disk-layer.ts'
import { compareTrees } from '../tree.ts'
import { TEMPTING } from './looks.ts'
import type { Trial } from './trial.ts'
import { visitTree } from './visit-tree.ts'

type Facts = Map<string, Readonly<Record<string, unknown>>>
type Mounted = 'kernel' | 'fuse' | 'merge'

/** More is compared by its size. */
const CONTENT_BYTES_MAX = 1n << 20n
/** Of an image's names, by the calls that change something: some have hundreds of the same kind. */
const CHANGED_MAX = 40

export async function sameByAllViews(trial: Trial, image: string): Promise<void> {
  const { driver, canMountKernel = false, canMountFuse = false, isKeptAside } = trial.options
  const { root, scratch } = trial.ground
  const mounted: Mounted[] = canMountFuse ? ['merge', 'fuse'] : ['merge']
  const [reference, ...others] = canMountKernel ? (['kernel', ...mounted] as const) : mounted
  const wanted = await shown(trial, image, reference!)
  if (wanted === undefined) return
  for (const view of others) {
    const found = await shown(trial, image, view)
    if (found === undefined) continue
    if (view === 'fuse' && isKeptAside)
      differ(trial, view, onDisk(found), reference!, onDisk(wanted))
    else differ(trial, view, found, reference!, wanted)
  }
  const store = await openStore(root, { driver, sync: false })
  using stack = await openImageStack(store, store.image(image))
  const lowers = (): DiskLayer[] => stack.layers.map((layer) => new DiskLayer(layer))
  {
    await using union = new UnionFs({ lowers: lowers() })
    differ(trial, 'UnionFs', await unionFacts(union), reference!, withoutXattrs(wanted))
    await changeUnion(trial, union, [...wanted.keys()])
  }
  const directory = path.join(scratch, 'upper')
  const work = path.join(scratch, 'work')
  for (const each of [directory, work]) fs.mkdirSync(each)
  {
    const upper = new DirectoryUpper(directory, { form: 'trusted', work })
    await using union = new UnionFs({ lowers: lowers(), upper })
    await changeUnion(trial, union, [...wanted.keys()])
  }
  trial.checkLeaks(directory, 'what UnionFs wrote')
  for (const each of [directory, work]) fs.rmSync(each, { recursive: true })
  // A container of vfs stands on no layers, and is its own directory.
  if (canMountFuse && driver === 'overlay2') await changeMounted(trial, image)
}

function differ(trial: Trial, view: string, found: Facts, by: string, wanted: Facts): void {
  const lines = compareTrees(found, wanted, 5)
  if (lines.length > 0) trial.problem(`${view} differs from ${by}:\n${lines.join('\n')}`)
}

async function shown(trial: Trial, image: string, view: Mounted): Promise<Facts | undefined> {
  const target = path.join(trial.ground.scratch, `view-${view}`)
  fs.mkdirSync(target)
  try {
    if ((await trial.must('mount', '--view', view, image, target)).code !== 0) return undefined
    trial.checkLeaks(target, `the ${view} view`)
    const facts = factsIn(target)
    await trial.must('umount', target)
    return facts
  } finally {
    fs.rmSync(target, { recursive: true, force: true })
  }
}

/** Whiteouts and empty files share an inode as a view pleases; of two names of one file the first in byte order counts. */
class Inodes {
  readonly #first = new Map<bigint, string>()

  linkedTo(name: string, { ino, nlink }: fs.BigIntStats): string | undefined {
    if (nlink < 2n) return undefined
    const first = this.#first.get(ino)
    if (first === undefined) this.#first.set(ino, name)
    return first
  }
}

function factOf(
  name: string,
  status: fs.BigIntStats,
  inodes: Inodes,
  body: { readonly target?: Buffer; readonly content?: Buffer },
): Readonly<Record<string, unknown>> {
  const isDirectory = status.isDirectory()
  const { target, content } = body
  return {
    // The top of a merge is the directory that it was mounted on.
    mode: name === '' ? '' : status.mode.toString(8),
    owner: `${status.uid}:${status.gid}`,
    ...(isDirectory ? {} : { size: String(status.size), mtimeNs: String(status.mtimeNs) }),
    ...(status.isCharacterDevice() || status.isBlockDevice() ? { rdev: String(status.rdev) } : {}),
    ...(target === undefined ? {} : { target: target.toString('latin1') }),
    ...(content === undefined
      ? {}
      : { sha256: createHash('sha256').update(content).digest('hex') }),
    linkedTo: isDirectory ? undefined : inodes.linkedTo(name, status),
  }
}

function factsIn(top: string): Facts {
  const facts: Facts = new Map()
  const inodes = new Inodes()
  visitTree(top, ({ reach, name, status }) => {
    const body = status.isSymbolicLink()
      ? { target: fs.readlinkSync(reach, 'buffer') }
      : status.isFile() && status.size < CONTENT_BYTES_MAX
        ? { content: fs.readFileSync(reach) }
        : {}
    facts.set(name, { ...factOf(name, status, inodes, body), xattrs: xattrsOf(reach) })
    return true
  })
  return facts
}

function xattrsOf(reach: Buffer): readonly string[] {
  const at = pathFromBytes(reach)
  const names = listXattrs(at)
  if (typeof names === 'number') return []
  // One layer alone is shown without overlay, which would hide its own.
  const shown = names.filter((name) => !name.startsWith('trusted.overlay.'))
  return shown.sort().map((name) => {
    const value = getXattr(at, name)
    return `${name}=${value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value}`
  })
}

/** node:fs has no calls for them, and UnionFs none by path. */
function withoutXattrs(facts: Facts): Facts {
  return new Map([...facts].map(([name, fact]) => [name, { ...fact, xattrs: undefined }]))
}

/** The server of FUSE reads the disk, and no tar-split. */
function onDisk(facts: Facts): Facts {
  const ofDisk = ({ size, target, sha256 }: Readonly<Record<string, unknown>>): object =>
    size === undefined || size === '0' ? {} : { target, sha256 }
  return new Map([...facts].map(([name, fact]) => [name, { ...ofDisk(fact) }]))
}

async function unionFacts(union: UnionFs): Promise<Facts> {
  const facts: Facts = new Map()
  const inodes = new Inodes()
  const visit = async (name: string): Promise<void> => {
    const at = Buffer.from(`/${name}`, 'latin1')
    const status = (await union.lstat(at, { bigint: true })) as fs.BigIntStats
    const body = status.isSymbolicLink()
      ? { target: await union.readlink(at, 'buffer') }
      : status.isFile() && status.size < CONTENT_BYTES_MAX
        ? { content: await union.readFile(at) }
        : {}
    facts.set(name, factOf(name, status, inodes, body))
    if (!status.isDirectory()) return
    const names = await union.readdir(at, { encoding: 'buffer' })
    for (const child of names.sort((a, b) => a.compare(b))) {
      await visit(`${name === '' ? '' : `${name}/`}${child.toString('latin1')}`)
    }
  }
  await visit('')
  return facts
}

/** Every call that could follow a link, by the image's own names and by those that lead to a canary. */
async function changeUnion(trial: Trial, union: UnionFs, names: readonly string[]): Promise<void> {
  const { secret } = trial.ground
  const calls: Readonly<Record<string, (at: Buffer) => Promise<unknown>>> = {
    readFile: (at) => union.readFile(at),
    appendFile: (at) => union.appendFile(at, 'planted'),
    writeFile: (at) => union.writeFile(Buffer.concat([at, Buffer.from('/planted')]), 'planted'),
    mkdir: (at) => union.mkdir(Buffer.concat([at, Buffer.from('/a/b')]), { recursive: true }),
    chmod: (at) => union.chmod(at, 0o4777),
    chown: (at) => union.chown(at, 1000, 1000),
    utimes: (at) => union.utimes(at, 1, 1),
    link: (at) => union.link(at, Buffer.concat([at, Buffer.from('-linked')])),
    rename: (at) => union.rename(at, Buffer.concat([at, Buffer.from('-moved')])),
    rm: (at) => union.rm(at, { recursive: true }),
  }
  const tried = [...TEMPTING, ...names.slice(-CHANGED_MAX).map((name) => `/${name}`)]
  for (const [call, act] of Object.entries(calls)) {
    for (const name of tried) {
      try {
        const answer = await act(Buffer.from(name, 'latin1'))
        if (Buffer.isBuffer(answer) && answer.includes(secret))
          trial.problem(`UnionFs ${call} of ${name} gives what a canary holds`)
      } catch (error) {
        if (typeof (error as NodeJS.ErrnoException).errno !== 'number')
          trial.problem(`UnionFs ${call} of ${name}: a bug: ${String((error as Error).stack)}`)
      }
    }
  }
}

/** A container of it by FUSE: its own names are changed, never through its links, and the changes end in its layer. */
async function changeMounted(trial: Trial, image: string): Promise<void> {
  const target = path.join(trial.ground.scratch, 'view-box')
  fs.mkdirSync(target)
  const created = await trial.must('create', '--name', 'shown', image, '/bin/true')
  const done = await trial.must('mount', '--view', 'fuse', 'shown', target)
  if (created.code === 0 && done.code === 0) {
    const top = fs.readdirSync(target, 'buffer').slice(0, CHANGED_MAX)
    for (const name of top) changeNode(Buffer.concat([Buffer.from(`${target}/`), name]))
    fs.writeFileSync(path.join(target, 'planted'), 'planted')
    await trial.must('umount', target)
    await trial.must('diff', 'shown')
    const file = path.join(trial.ground.scratch, 'shown.tar')
    await trial.must('export', '-o', file, 'shown')
    trial.checkLeaks(file, 'the container that was changed by FUSE')
    fs.rmSync(file, { force: true })
  }
  await trial.must('rm', '-f', '-v', 'shown')
  fs.rmdirSync(target)
}

function changeNode(at: Buffer): void {
  const status = fs.lstatSync(at)
  const beside = Buffer.concat([at, Buffer.from('-moved')])
  const acts: (() => unknown)[] = [
    () => fs.lchownSync(at, 1000, 1000),
    () => fs.lutimesSync(at, 1, 1),
    ...(status.isFile() ? [() => fs.chmodSync(at, 0o4755), () => fs.appendFileSync(at, 'x')] : []),
    ...(status.isDirectory()
      ? [() => fs.writeFileSync(Buffer.concat([at, Buffer.from('/planted')]), 'planted')]
      : [() => fs.linkSync(at, beside)]),
    () => fs.rmSync(at, { recursive: true }),
  ]
  for (const act of acts) {
    try {
      act()
    } catch (error) {
      // Whatever the kernel says to it is as good.
      if (typeof (error as NodeJS.ErrnoException).errno !== 'number') throw error
    }
  }
}
