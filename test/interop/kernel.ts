// The kernel's overlay is the oracle of every merge: what it shows of a real image's directories, shale's own union
// shows too, entry by entry; as root, as an ordinary user, and from whole trees (vfs).

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { readDockerArchive } from '../support/archive-layers.ts'
import { shaleJson, shaleOk, type RunOptions } from '../support/cli.ts'
import { realImage, unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { compareTrees, readTree, type TreeEntry } from '../support/tree.ts'

const skip = unless({ interop: true, root: true, overlay: true, realImage: true })
const NAME = 'real/app:1'
const NOBODY = 65_534

interface Listed {
  readonly path: string
  readonly pathBase64?: string
  readonly type: string
  /** Four octal digits. */
  readonly mode: string
  readonly uid: number
  readonly gid: number
  readonly sizeBytes: number
  readonly mtimeNs: string | number
  readonly linkTarget?: string
  readonly linkTargetBase64?: string
  readonly device?: { readonly major: number; readonly minor: number }
}

/** `ls -R --json` in the words of readTree. */
function listTree(args: readonly string[], options: RunOptions = {}): Map<string, object> {
  const rows = shaleJson<Listed[]>([...args, 'ls', '-R', NAME], options)
  const exact = (text: string, base64?: string): string =>
    Buffer.from(base64 ?? text, base64 === undefined ? 'utf8' : 'base64').toString('latin1')
  return new Map(
    rows.map((row) => [
      exact(row.path, row.pathBase64).replace(/^\//, ''),
      facts({
        type: row.type,
        mode: row.mode.replace(/^0+(?=.)/, ''),
        uid: row.uid,
        gid: row.gid,
        sizeBytes: row.sizeBytes,
        mtimeNs: String(row.mtimeNs),
        ...(row.linkTarget === undefined
          ? {}
          : { target: exact(row.linkTarget, row.linkTargetBase64) }),
        ...(row.device ? { device: row.device.major * 256 + row.device.minor } : {}),
      }),
    ]),
  )
}

type Facts = Omit<TreeEntry, 'xattrs' | 'sha256' | 'linkedTo'>

/** What both sides know, in one order. */
function facts(entry: Facts): object {
  const { type, mode, uid, gid, sizeBytes, mtimeNs, device, target } = entry
  const isDirectory = type === 'directory'
  return {
    type,
    mode,
    uid,
    gid,
    mtimeNs,
    sizeBytes: isDirectory ? 0 : sizeBytes,
    device: device ?? 0,
    target: target ?? '',
  }
}

function kernelTree(mounted: string): Map<string, object> {
  const tree = new Map(
    [...readTree(mounted, { content: false })].map(([name, entry]) => [name, facts(entry)]),
  )
  tree.delete('')
  return tree
}

t.test('ls -R and the kernel agree on every entry', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  shaleOk(['--root', root, 'load', '-i', realImage.tar])
  const lowers = shaleOk([
    '--root',
    root,
    'inspect',
    '-f',
    '{{.GraphDriver.Data.UpperDir}}:{{.GraphDriver.Data.LowerDir}}',
    NAME,
  ])
  const mounted = path.join(dir, 'kernel')
  fs.mkdirSync(mounted)
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', `ro,lowerdir=${lowers}`, mounted])
  const wanted = kernelTree(mounted)
  t.ok(wanted.size > 10_000, `${wanted.size} entries`)
  const byRoot = listTree(['--root', root])
  t.same(compareTrees(byRoot, wanted), [], 'as root')

  await t.test('cat gives the same bytes', async (t) => {
    const files = [...wanted].filter(([, entry]) => (entry as Facts).type === 'file')
    const step = Math.ceil(files.length / 25)
    for (let i = 0; i < files.length; i += step) {
      const name = files[i]![0]
      const text = Buffer.from(name, 'latin1').toString('utf8')
      const bytes = path.join(dir, 'bytes')
      shaleOk(['--root', root, 'cat', `${NAME}:/${text}`], { stdoutFile: bytes })
      t.ok(fs.readFileSync(bytes).equals(fs.readFileSync(path.join(mounted, text))), text)
    }
  })

  await t.test('shale mount shows the same tree', async (t) => {
    const own = path.join(dir, 'own')
    fs.mkdirSync(own)
    shaleOk(['--root', root, 'mount', NAME, own])
    t.same(
      compareTrees(readTree(own), readTree(mounted)),
      [],
      'content, owners, modes, times, xattrs, links',
    )
    t.throws(() => fs.writeFileSync(path.join(own, 'new'), ''), { code: 'EROFS' })
    t.match(shaleOk(['--root', root, 'mount']), own)
    shaleOk(['--root', root, 'umount', own])
    t.same(fs.readdirSync(own), [])
    t.notMatch(fs.readFileSync('/proc/self/mountinfo', 'utf8'), own)
  })

  await t.test('an ordinary user sees the same, and saves the same bytes', async (t) => {
    const home = path.join(dir, 'home')
    fs.mkdirSync(home)
    fs.chmodSync(dir, 0o755)
    fs.chownSync(home, NOBODY, NOBODY)
    const user = { uid: NOBODY, gid: NOBODY, env: { HOME: home, TMPDIR: home } }
    const args = ['--root', path.join(home, 'root')]
    shaleOk([...args, 'load', '-i', realImage.tar], user)
    t.same(compareTrees(listTree(args, user), byRoot), [])
    const file = path.join(home, 'saved.tar')
    shaleOk([...args, 'save', '-o', file, NAME], user)
    const image = readDockerArchive(realImage.tar)[0]!
    t.equal(readDockerArchive(file)[0]!.imageID, image.imageID)
    t.same(readDockerArchive(file)[0]!.layers, image.diffIDs)
    const own = path.join(home, 'merged')
    execFileSync('mkdir', [own], { uid: NOBODY, gid: NOBODY })
    shaleOk([...args, 'mount', NAME, own], user)
    const text = fs.readFileSync(path.join(own, 'etc/debian_version'), 'utf8')
    t.equal(text, fs.readFileSync(path.join(mounted, 'etc/debian_version'), 'utf8'))
    t.notOk(fs.existsSync(path.join(own, 'usr/share/locale')), 'whiteouts hold')
    t.same(fs.readdirSync(path.join(own, 'srv/app/node_modules/commander')), ['index.js'])
    shaleOk([...args, 'umount', own], user)
    shaleOk([...args, 'rmi', NAME], user)
    t.same(fs.readdirSync(path.join(home, 'root/overlay2')), ['l'])
  })

  await t.test('vfs holds the same tree', async (t) => {
    const vfs = path.join(dir, 'vfs')
    shaleOk(['--root', vfs, '--driver', 'vfs', 'load', '-q', '-i', realImage.tar])
    t.same(compareTrees(listTree(['--root', vfs, '--driver', 'vfs']), byRoot), [])
  })
})
