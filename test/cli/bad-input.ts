// Bad input, as its user meets it: the exit code, one line that says what is wrong, and a store that is as it was.
// A table: what each case is about is tested where it is decided; here it must come out at the end of the line.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { acquireLock } from '../../src/sys/lock.ts'
import {
  buildImage,
  dockerArchive20,
  dockerArchive25,
  editJson,
  ociLayout,
  packed,
  smallImage,
  unpackedTo,
  type ArchiveFiles,
  type BuiltImage,
} from '../support/image.ts'
import { shaleInProcess, type InProcessOptions } from '../support/in-process.ts'
import { file, gzip, layerTar } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { compareTrees, readTree } from '../support/tree.ts'

const present = buildImage([layerTar(file('here', 'here\n'))])
const image = smallImage()
const named = [{ image, tags: ['app:1'] }]
/** What the store holds beside `present`, for a prefix that two IDs share. */
const twins = twinImages()

const dir = temporaryDirectory(t)
const root = path.join(dir, 'root')

/** `args` may name files of the case with @NAME. */
interface Case {
  readonly code: number
  readonly says: RegExp
  readonly args: readonly string[]
  readonly stdin?: Uint8Array | string
  readonly files?: Readonly<Record<string, Uint8Array | string>>
  readonly terminal?: NonNullable<InProcessOptions['terminal']>
  readonly root?: string
}

const load = (bytes: Uint8Array | string): Pick<Case, 'args' | 'files'> => ({
  args: ['load', '-i', '@archive.tar'],
  files: { 'archive.tar': bytes },
})

const CASES: Readonly<Record<string, Case>> = {
  'load: a file that is not there': {
    args: ['load', '-i', '/nowhere/app.tar'],
    code: 10,
    says: /cannot load \/nowhere\/app\.tar: no such file/,
  },
  'load: an empty file': { ...load(''), code: 12, says: /archive\.tar: it is an empty file/ },
  'load: nothing on standard input': {
    args: ['load'],
    stdin: '',
    code: 12,
    says: /cannot load standard input: it is an empty file/,
  },
  'load: text': {
    ...load('hello\n'.repeat(200)),
    code: 12,
    says: /expected an archive of docker save/,
  },
  'load: the tar of a root file system': {
    ...load(layerTar(file('etc/passwd', 'root\n'))),
    code: 12,
    says: /archive\.tar: .*expected an archive/,
  },
  'load: a directory without a layout': {
    args: ['load', '-i', dir],
    code: 12,
    says: /neither manifest\.json nor index\.json/,
  },
  'load: a tar cut short': {
    ...load(cut(packed(dockerArchive20(named)))),
    code: 12,
    says: /archive\.tar/,
  },
  'load: a gzip cut short': {
    ...load(cut(gzip(packed(dockerArchive20(named))))),
    code: 12,
    says: /archive\.tar/,
  },
  'load: a gzip with a flipped bit': {
    ...load(flipped(gzip(packed(dockerArchive20(named))), 300)),
    code: 12,
    says: /archive\.tar/,
  },
  'load: a layer with a flipped bit': {
    ...load(withFlippedLayer()),
    code: 12,
    says: new RegExp(image.diffIDs[1]!),
  },
  'load: a config that is not the one that its name says': {
    ...load(edited(dockerArchive25(named), configName(), (config) => (config['author'] = 'x'))),
    code: 12,
    says: new RegExp(`${configName()} of .*archive\\.tar: its bytes have the digest`),
  },
  'load: more layers than diff_ids': {
    ...load(withDiffIDs(image.diffIDs.slice(0, 1))),
    code: 12,
    says: /diff_ids/,
  },
  'load: fewer layers than diff_ids': {
    ...load(withDiffIDs([...image.diffIDs, image.diffIDs[0]!])),
    code: 12,
    says: /diff_ids/,
  },
  'load: a layer that is not in the archive': {
    ...load(withLayerName('blobs/sha256/none')),
    code: 12,
    says: /names "blobs\/sha256\/none", which is not in it/,
  },
  'load: a layer outside of the archive': {
    ...load(withLayerName('../../etc/passwd')),
    code: 12,
    says: /is not inside the archive/,
  },
  'load: a layer by an absolute name': {
    ...load(withLayerName('/etc/passwd')),
    code: 12,
    says: /is not inside the archive/,
  },
  'load: an entry that climbs out of the layer': {
    ...load(
      packed(dockerArchive25([{ image: buildImage([layerTar(file('../../../evil', 'x'))]) }])),
    ),
    code: 12,
    says: /evil/,
  },
  'load: a platform that is none': {
    ...load(packed(dockerArchive25(named))),
    args: ['load', '--platform', 'a/b/c/d', '-i', '@archive.tar'],
    code: 2,
    says: /a\/b\/c\/d/,
  },
  'load: a terminal': {
    args: ['load'],
    terminal: { stdin: true },
    code: 2,
    says: /requested load from stdin, but stdin is empty/,
  },
  'load: below a file': {
    ...load(packed(dockerArchive25(named))),
    root: path.join(dir, 'a-file', 'root'),
    code: 1,
    says: /a-file/,
  },
  'import: not a tar': {
    args: ['import', '@rootfs', 'base:1'],
    files: { rootfs: 'hello\n'.repeat(200) },
    code: 12,
    says: /cannot import .*rootfs: it is text; expected the tar of a root file system/,
  },
  'import: a tar cut short': {
    args: ['import', '@rootfs', 'base:1'],
    files: { rootfs: layerTar(file('a', 'a'.repeat(4096))).subarray(0, 2000) },
    code: 12,
    says: /cannot import .*rootfs: /,
  },
  'import: a platform that is none': {
    args: ['import', '--platform', 'arm46', '@rootfs', 'base:1'],
    files: { rootfs: layerTar(file('a', 'a')) },
    code: 2,
    says: /cannot read platform "arm46"/,
  },
  'import: a file that is not there': {
    args: ['import', '/nowhere', 'base:1'],
    code: 10,
    says: /cannot import \/nowhere/,
  },
  'import: a name that is none': {
    args: ['import', '@rootfs', 'UPPER:1'],
    files: { rootfs: layerTar(file('a', 'a')) },
    code: 2,
    says: /"UPPER:1"/,
  },
  'import: a change that is none': {
    args: ['import', '-c', 'FROM x', '@rootfs', 'base:1'],
    files: { rootfs: layerTar(file('a', 'a')) },
    code: 2,
    says: /FROM/,
  },
  'import: nobody there': {
    args: ['import', 'http://127.0.0.1:9/x.tar', 'base:1'],
    code: 1,
    says: /cannot download http:\/\/127\.0\.0\.1:9\/x\.tar: /,
  },
  'save: no such image': { args: ['save', 'nope'], code: 10, says: /No such image: nope:latest/ },
  'save: to a terminal': {
    args: ['save', 'present:1'],
    terminal: { stdout: true },
    code: 1,
    says: /cowardly refusing to save to a terminal\. Use the -o flag or redirect/,
  },
  'save: into a directory that is not there': {
    args: ['save', '-o', '/nowhere/x.tar', 'present:1'],
    code: 10,
    says: /directory "\/nowhere" does not exist/,
  },
  'save: to no name': {
    args: ['save', '-o', '', 'present:1'],
    code: 2,
    says: /cannot save to a file without a name/,
  },
  'export: over a directory': {
    args: ['export', '-o', dir, 'present:1'],
    code: 2,
    says: /cannot export to .*: it is a directory; name a file$/m,
  },
  'export: into a directory that is not there': {
    args: ['export', '-o', '/nowhere/x.tar', 'present:1'],
    code: 10,
    says: /cannot export to \/nowhere\/x\.tar: directory "\/nowhere" does not exist/,
  },
  'export: below a file': {
    args: ['export', '-o', path.join(dir, 'a-file', 'x.tar'), 'present:1'],
    code: 10,
    says: /a-file" is a file/,
  },
  'explain: a picture over a directory': {
    args: ['explain', '--svg', dir, '/here', 'present:1'],
    code: 2,
    says: /it is a directory; name a file$/m,
  },
  'lab: a page into a directory that is not there': {
    args: ['lab', '--web', '/nowhere/x.html'],
    code: 10,
    says: /cannot write \/nowhere\/x\.html: directory "\/nowhere" does not exist/,
  },
  'ls: a path that does not begin with a slash': {
    args: ['ls', 'present:1:here'],
    code: 2,
    says: /cannot tell image and path apart in "present:1:here": expected IMAGE or IMAGE:\/PATH/,
  },
  'load: no name': {
    args: ['load', '-i', ''],
    code: 10,
    says: /cannot load from a name that is empty: no such file/,
  },
  'save: over a directory': {
    args: ['save', '-o', dir, 'present:1'],
    code: 2,
    says: /it is a directory/,
  },
  'save: a directory to standard output': {
    args: ['save', '--format', 'oci-dir', 'present:1'],
    code: 2,
    says: /name a directory with -o/,
  },
  'save: a layout into a directory that is in use': {
    args: ['save', '--format', 'oci-dir', '-o', dir, 'present:1'],
    code: 1,
    says: /not empty|exists/,
  },
  'tag: no such image': {
    args: ['tag', 'nope', 'x'],
    code: 10,
    says: /No such image: nope:latest/,
  },
  'tag: a name that is none': { args: ['tag', 'present:1', 'a b'], code: 2, says: /"a b"/ },
  'tag: a digest': {
    args: ['tag', 'present:1', `x@${present.imageID}`],
    code: 2,
    says: /refusing to create a tag with a digest reference/,
  },
  'tag: a prefix of two IDs': {
    args: ['tag', twins.prefix, 'x'],
    code: 2,
    says: /Multiple IDs found with provided prefix/,
  },
  'rmi: no such image': { args: ['rmi', 'nope'], code: 10, says: /No such image: nope:latest/ },
  'rmi: a prefix of two IDs': {
    args: ['rmi', twins.prefix],
    code: 2,
    says: /Multiple IDs found with provided prefix/,
  },
  'mount: no such image': {
    args: ['mount', 'nope', dir],
    code: 10,
    says: /No such container or image: nope\n/,
  },
  'mount: no such directory': {
    args: ['mount', 'present:1', '/nowhere'],
    code: 10,
    says: /\/nowhere: there is no such directory; make it first/,
  },
  'mount: over the layers': {
    args: ['mount', 'present:1', root],
    code: 2,
    says: /would be covered or changed/,
  },
  'umount: nothing there': {
    args: ['umount', dir],
    code: 10,
    says: /nothing of this store is shown there, and no container of that name is mounted/,
  },
}

t.before(async () => {
  fs.writeFileSync(path.join(dir, 'a-file'), 'in the way\n')
  const stdin = packed(
    dockerArchive25([
      { image: present, tags: ['present:1'] },
      ...twins.images.map((twin) => ({ image: twin })),
    ]),
  )
  const done = await shaleInProcess(['load', '-q'], { root, stdin })
  if (done.code !== 0) throw new Error(done.stderr)
})

for (const [name, bad] of Object.entries(CASES)) {
  t.test(name, async (t) => {
    const files = temporaryDirectory(t)
    for (const [file, bytes] of Object.entries(bad.files ?? {})) {
      fs.writeFileSync(path.join(files, file), bytes)
    }
    const args = bad.args.map((arg) => arg.replace(/^@/, `${files}/`))
    const before = snapshot()
    const done = await shaleInProcess(['--quiet', ...args], {
      root: bad.root ?? root,
      ...(bad.stdin === undefined ? {} : { stdin: bad.stdin }),
      ...(bad.terminal === undefined ? {} : { terminal: bad.terminal }),
    })
    t.equal(done.code, bad.code, done.stderr)
    t.equal(done.stdout, '')
    t.match(done.stderr, /^shale: [^\n]*\n$/, 'one line')
    t.match(done.stderr, bad.says)
    t.same(compareTrees(snapshot(), before), [], 'the store is as it was')
    t.same(fs.readdirSync(files).sort(), Object.keys(bad.files ?? {}).sort(), 'no file was left')
  })
}

t.test('a store that another process writes to', async (t) => {
  const lock = acquireLock(path.join(root, 'shale', 'lock'))
  t.ok(lock, 'the lock was free')
  try {
    const before = snapshot()
    const done = await shaleInProcess(['--lock-timeout', '0', 'tag', 'present:1', 'x'], { root })
    t.equal(done.code, 11)
    t.match(done.stderr, /^shale: cannot write to .*is writing to it; try again when it is done\n$/)
    t.same(compareTrees(snapshot(), before), [])
    t.match((await shaleInProcess(['images', '-q'], { root })).stdout, present.imageID.slice(7, 19))
  } finally {
    lock?.release()
  }
})

t.test('an OCI layout whose blob is not what its digest says', async (t) => {
  const files = ociLayout([{ image, compression: 'gzip' }])
  const blob = [...files.keys()].find((name) => isGzip(files.get(name)))!
  files.set(blob, flipped(files.get(blob) as Buffer, 40))
  const layout = unpackedTo(path.join(temporaryDirectory(t), 'layout'), files)
  const before = snapshot()
  const done = await shaleInProcess(['load', '-q', '-i', layout], { root })
  t.equal(done.code, 12)
  t.match(done.stderr, /^shale: [^\n]*\n$/)
  t.same(compareTrees(snapshot(), before), [])
})

t.test('errors as JSON have the code and the facts', async (t) => {
  const done = await shaleInProcess(['--json', 'save', 'nope'], { root })
  t.equal(done.code, 10)
  t.same(JSON.parse(done.stderr), {
    error: {
      code: 'ERR_IMAGE_NOT_FOUND',
      message: 'No such image: nope:latest',
      details: { name: 'nope:latest' },
    },
  })
})

function snapshot(): ReturnType<typeof readTree> {
  const tree = readTree(root, { directoryTimes: false })
  // Whoever wrote last is named in it.
  tree.delete('shale/lock')
  return tree
}

function cut(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.length >> 1)
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 0x10
  return copy
}

function isGzip(content: unknown): boolean {
  return Buffer.isBuffer(content) && content[0] === 0x1f && content[1] === 0x8b
}

/** The motd of layer 2, where no header is hit. */
function withFlippedLayer(): Buffer {
  const bytes = packed(dockerArchive20(named))
  return flipped(bytes, bytes.indexOf('good bye'))
}

function configName(): string {
  return `blobs/sha256/${image.imageID.slice(7)}`
}

function edited(
  files: ArchiveFiles,
  name: string,
  edit: (value: Record<string, unknown> & unknown[]) => void,
): Buffer {
  editJson(files, name, edit)
  return packed(files)
}

function withDiffIDs(diffIDs: readonly string[]): Buffer {
  const wrong = buildImage(image.layers, {
    history: [],
    rootfs: { type: 'layers', diff_ids: diffIDs },
  })
  return packed(dockerArchive20([{ image: wrong, tags: ['app:1'] }]))
}

function withLayerName(name: string): Buffer {
  return edited(dockerArchive25(named), 'manifest.json', ([item]) => {
    ;(item as { Layers: string[] }).Layers[1] = name
  })
}

/** Two images whose IDs start with the same two digits. */
function twinImages(): { images: readonly BuiltImage[]; prefix: string } {
  const byPrefix = new Map<string, BuiltImage>()
  for (let n = 0; ; n++) {
    const twin = buildImage(present.layers, { author: `twin ${n}` })
    const prefix = twin.imageID.slice(7, 9)
    const first = byPrefix.get(prefix)
    if (first) return { images: [first, twin], prefix }
    byPrefix.set(prefix, twin)
  }
}
