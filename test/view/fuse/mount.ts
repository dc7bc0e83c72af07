// The FUSE view beside the kernel's overlay: the same operations through both mounts, over the same layers; and the
// life of its server. As an ordinary user (by fusermount3) beside UnionFs, since the kernel mounts no overlay for one.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { LayerForm } from '../../../src/driver/driver.ts'
import { unmountFuse } from '../../../src/sys/fuse-device.ts'
import { mountOverlay, unmount } from '../../../src/sys/mount.ts'
import { listMounts } from '../../../src/sys/mount-table.ts'
import { openUnion } from '../../../src/unionfs/open-union.ts'
import { markForm } from '../../../src/view/disk-form.ts'
import { mountByFuse, FUSE_TYPE } from '../../../src/view/fuse/mount-fuse.ts'
import { shale } from '../../support/cli.ts'
import { againAsUser, fuseSkip } from '../../support/fuse-for-users.ts'
import { isRoot, unless } from '../../support/host.ts'
import { overlaySkip } from '../../support/layer-directory.ts'
import { layerStacks } from '../../support/merge-model.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import {
  describeTree,
  operations,
  givesPrivileges,
  perform,
  releaseHeld,
  type Operation,
} from '../../support/union-operations.ts'
import {
  age,
  differences,
  hostSubject,
  kernelSubject,
  unionSubject,
  writeRuns,
} from '../../support/union-subjects.ts'

const RUNS = Number(process.env['SHALE_UNION_RUNS'] ?? 60)
const form: LayerForm = isRoot ? 'trusted' : 'user'
const skip = fuseSkip()
const overlay = skip || (await overlaySkip())

interface Side {
  readonly merged: string
  readonly upper: { readonly directory: string; readonly work: string }
}

function makeSide(home: string, name: string): Side {
  const at = (part: string): string => path.join(home, name, part)
  for (const part of ['upper', 'work', 'merged']) fs.mkdirSync(at(part), { recursive: true })
  age(at('upper'))
  return { merged: at('merged'), upper: { directory: at('upper'), work: at('work') } }
}

function mounted(target: string): boolean {
  return listMounts().some((mount) => mount.target === target)
}

function codeOf(action: () => void): string | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

async function until(what: () => boolean): Promise<boolean> {
  // A server flushes what was written before it ends, and the disk may be busy with others' work.
  for (let tries = 0; tries < 1500; tries++) {
    if (what()) return true
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return what()
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/^\d+ \(.*\) Z/.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

t.test(
  'a server whose thread ends without a word says so, and leaves no mount',
  { skip },
  async (t) => {
    const home = temporaryDirectory(t)
    const { merged, upper } = makeSide(home, 'silent')
    const before = process.env['NODE_OPTIONS']
    // The server takes it from here: in it, every thread ends at once.
    const end = "process.on('worker', (worker) => void worker.terminate())"
    process.env['NODE_OPTIONS'] = `--import=data:text/javascript,${encodeURIComponent(end)}`
    t.teardown(() => {
      if (before === undefined) delete process.env['NODE_OPTIONS']
      else process.env['NODE_OPTIONS'] = before
    })
    await t.rejects(mountByFuse({ target: merged, form, lowers: [upper.directory] }), {
      name: 'HostError',
      message: /^cannot serve .*: the thread for it ended without an answer/,
    })
    t.notOk(mounted(merged))
  },
)

t.test('what the kernel does, the FUSE view does', { skip: overlay }, async (t) => {
  const home = temporaryDirectory(t)
  const seed = Number(process.env['SHALE_UNION_SEED'] ?? Date.now() & 0xffffff)
  const stacks = fc.sample(layerStacks, { numRuns: RUNS, seed })
  const lists = fc.sample(operations, { numRuns: RUNS, seed })
  const lowers = writeRuns(home, stacks)
  const kernel = makeSide(home, 'kernel')
  const ours = makeSide(home, 'ours')
  await mountOverlay(
    {
      kind: 'overlay',
      lowers,
      shortLowers: lowers.map((lower) => path.basename(lower)),
      home,
      upper: kernel.upper.directory,
      work: kernel.upper.work,
      userxattr: false,
    },
    kernel.merged,
  )
  t.teardown(() => unmount(kernel.merged, { lazy: true }))
  const server = await mountByFuse({ target: ours.merged, form, lowers, upper: ours.upper })
  t.teardown(() => unmountFuse(ours.merged, { lazy: true }))
  const wrong: string[] = []
  for (const [run, list] of lists.entries()) {
    const expected = kernelSubject(path.join(kernel.merged, `run${run}`))
    const actual = hostSubject(path.join(ours.merged, `run${run}`))
    for (const [index, operation] of list.entries()) {
      const [theirs, mine] = [perform(expected, operation), perform(actual, operation)]
      if (theirs === mine) continue
      const at = `run ${run}, operation ${index} ${JSON.stringify(operation)}`
      wrong.push(`${at}: the kernel says ${theirs}, we say ${mine}`)
      break
    }
    releaseHeld(expected)
    releaseHeld(actual)
  }
  t.strictSame(wrong, [], `SHALE_UNION_SEED=${seed}`)
  const since = Date.now() - 86_400_000
  const tree = describeTree(kernelSubject(kernel.merged), since)
  t.strictSame(differences(tree, describeTree(hostSubject(ours.merged), since)), [], 'the tree')
  t.equal(unmountFuse(ours.merged), 0)
  t.ok(await until(() => !isRunning(server.pid)), 'the server ends with its mount')
  unmount(kernel.merged)
  const upperOf = (side: Side): Map<string, string> =>
    describeTree(hostSubject(side.upper.directory), since)
  // A whiteout has no links of its own: the kernel makes one and links it.
  const plain = (from: Map<string, string>): Map<string, string> =>
    new Map([...from].map(([key, text]) => [key, text.startsWith('20000 ') ? 'whiteout' : text]))
  t.strictSame(differences(plain(upperOf(kernel)), plain(upperOf(ours))), [], 'the upper directory')
})

/** Of a symbolic link that is shown as root's, for want of a place to keep another owner: fs.protected_hardlinks. */
function isLinkToLink(root: string, { kind, at }: Operation): boolean {
  try {
    return kind === 'link' && fs.lstatSync(path.join(root, at)).isSymbolicLink()
  } catch {
    return false
  }
}

t.test('what UnionFs does, the FUSE view does', { skip }, async (t) => {
  const seed = Number(process.env['SHALE_UNION_SEED'] ?? Date.now() & 0xffffff)
  // Two forms as a user, and beside our own rules, not the kernel's.
  const runs = Math.ceil(RUNS / 3)
  const stacks = fc.sample(layerStacks, { numRuns: runs, seed })
  const lists = fc.sample(operations, { numRuns: runs, seed })
  for (const form of isRoot ? (['trusted'] as const) : (['user', 'plain'] as const)) {
    const home = temporaryDirectory(t)
    const lowers = writeRuns(home, stacks, markForm(form))
    const ours = makeSide(home, 'ours')
    const theirs = makeSide(home, 'theirs')
    // In the process everybody is root, and so is who asks the server.
    const owners = { rootUid: process.getuid!() }
    await mountByFuse({ target: ours.merged, form, lowers, upper: ours.upper, owners })
    t.teardown(() => unmountFuse(ours.merged, { lazy: true }))
    const { directory, work } = theirs.upper
    await using union = openUnion({ lowers, upper: { directory, work }, form })
    const wrong: string[] = []
    for (const [run, list] of lists.entries()) {
      const expected = unionSubject(union, `/run${run}`)
      const actual = hostSubject(path.join(ours.merged, `run${run}`))
      for (const [index, operation] of list.entries()) {
        if (/^h[eo]ld/.test(operation.kind)) continue
        // Without CAP_FSETID a write takes setuid and setgid away, and who is no owner links to no such file.
        if (!isRoot && givesPrivileges(operation)) continue
        if (form === 'user' && isLinkToLink(actual.root, operation)) continue
        const [said, answer] = [perform(expected, operation), perform(actual, operation)]
        if (said === answer) continue
        const at = `run ${run}, operation ${index} ${JSON.stringify(operation)}`
        wrong.push(`${at}: UnionFs says ${said}, FUSE says ${answer}`)
        break
      }
    }
    t.strictSame(wrong, [], `${form}, SHALE_UNION_SEED=${seed}`)
    const since = Date.now() - 86_400_000
    const tree = describeTree(unionSubject(union), since)
    t.strictSame(differences(tree, describeTree(hostSubject(ours.merged), since)), [], form)
  }
})

t.test('what the disk refuses', { skip: skip || unless({ ordinaryUser: true }) }, async (t) => {
  const home = temporaryDirectory(t)
  const lower = path.join(home, 'lower')
  const closed = path.join(lower, 'closed')
  fs.mkdirSync(closed, { recursive: true })
  fs.writeFileSync(path.join(closed, 'f'), '')
  fs.chmodSync(closed, 0)
  t.teardown(() => fs.chmodSync(closed, 0o700))
  const target = path.join(home, 'm')
  fs.mkdirSync(target)
  await mountByFuse({ target, form, lowers: [lower] })
  t.teardown(() => unmountFuse(target, { lazy: true }))
  t.equal(
    codeOf(() => fs.readdirSync(path.join(target, 'closed'))),
    'EACCES',
  )
  t.equal(
    codeOf(() => fs.statSync(path.join(target, 'closed/f'))),
    'EACCES',
  )
})

t.test('a mount for reading, and 20,000 names', { skip }, async (t) => {
  // In memory where there is such a place: what is measured is no disk.
  const base = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir()
  const home = fs.mkdtempSync(path.join(base, 'shale-test-'))
  t.teardown(() => fs.rmSync(home, { recursive: true, force: true }))
  const lowers = ['l0', 'l1'].map((name) => path.join(home, name))
  let count = 0
  for (const [index, lower] of lowers.entries()) {
    for (let d = 0; d < 20; d++) {
      const dir = path.join(lower, `d${d}`)
      fs.mkdirSync(dir, { recursive: true })
      for (let f = 0; f < 500; f++) fs.writeFileSync(path.join(dir, `${index}-${f}`), String(f))
      count += 500
    }
  }
  const target = path.join(home, 'm')
  fs.mkdirSync(target)
  const server = await mountByFuse({ target, form, lowers })
  t.teardown(() => unmountFuse(target, { lazy: true }))
  t.equal(listMounts().findLast((mount) => mount.target === target)?.type, FUSE_TYPE)
  const device = listMounts().findLast((mount) => mount.target === target)?.device
  const ahead = `/sys/class/bdi/${device}/read_ahead_kb`
  if (isRoot && codeOf(() => fs.accessSync(ahead, fs.constants.W_OK)) === undefined) {
    t.equal(fs.readFileSync(ahead, 'utf8'), '512\n', 'large files in few requests')
  }
  const names = fs.readdirSync(target, { recursive: true, encoding: 'utf8' })
  t.equal(names.length, count + 20)
  t.equal(fs.readFileSync(path.join(target, 'd7/1-321'), 'utf8'), '321')
  t.equal(new Set(names).size, names.length, 'each once')
  const [shown, nearest] = [target, lowers[0]!].map((top) => fs.statSync(path.join(top, 'd7')))
  t.same([shown!.size, shown!.blocks], [nearest!.size, nearest!.blocks], 'as the kernel says')
  const changes = [
    () => fs.writeFileSync(path.join(target, 'new'), ''),
    () => fs.unlinkSync(path.join(target, 'd7/1-321')),
    () => fs.chmodSync(path.join(target, 'd7'), 0o700),
  ]
  t.strictSame(changes.map(codeOf), ['EROFS', 'EROFS', 'EROFS'])
  process.kill(server.pid, 'SIGTERM')
  t.ok(await until(() => !mounted(target) && !isRunning(server.pid)), 'SIGTERM takes it away')
})

t.test('a file lives on while it is open, and its bytes are one for all', { skip }, async (t) => {
  const home = temporaryDirectory(t)
  const lower = path.join(home, 'lower')
  fs.mkdirSync(lower)
  const big = Buffer.alloc(3 << 20, 'shale ')
  fs.writeFileSync(path.join(lower, 'big'), big)
  fs.writeFileSync(path.join(lower, 'f'), 'below')
  const { merged, upper } = makeSide(home, 'ours')
  await mountByFuse({ target: merged, form, lowers: [lower], upper })
  t.teardown(() => unmountFuse(merged, { lazy: true }))
  const at = (name: string): string => path.join(merged, name)
  t.ok(fs.readFileSync(at('big')).equals(big))
  const fd = fs.openSync(at('f'), 'r+')
  fs.writeSync(fd, 'ABOVE', 0)
  fs.unlinkSync(at('f'))
  t.equal(fs.existsSync(at('f')), false)
  fs.writeSync(fd, '!', 5)
  const bytes = Buffer.alloc(8)
  t.equal(fs.readSync(fd, bytes, 0, 8, 0), 6)
  t.equal(bytes.toString('latin1', 0, 6), 'ABOVE!')
  t.equal(fs.fstatSync(fd).size, 6)
  t.equal(fs.fstatSync(fd).nlink, 0)
  fs.fchmodSync(fd, 0o600)
  fs.ftruncateSync(fd, 2)
  t.equal(fs.fstatSync(fd).size, 2)
  fs.closeSync(fd)
  fs.writeFileSync(at('big'), big.subarray(0, 2 << 20), { flag: 'r+' })
  t.equal(fs.statSync(at('big')).size, big.length)
  fs.writeFileSync(at('one'), 'x')
  fs.linkSync(at('one'), at('two'))
  fs.appendFileSync(at('two'), 'y')
  t.equal(fs.readFileSync(at('one'), 'utf8'), 'xy')
  t.equal(fs.statSync(at('one')).ino, fs.statSync(at('two')).ino)
  t.equal(fs.readFileSync(path.join(lower, 'f'), 'utf8'), 'below')
})

t.test('who writes to a setuid file takes the bit away', { skip: overlay }, async (t) => {
  const home = temporaryDirectory(t)
  fs.chmodSync(home, 0o755)
  const lower = path.join(home, 'lower')
  fs.mkdirSync(lower)
  const names = ['append', 'open', 'truncate', 'own']
  for (const name of names) {
    fs.writeFileSync(path.join(lower, name), 'set')
    fs.chmodSync(path.join(lower, name), 0o6777)
  }
  const [kernel, ours] = [makeSide(home, 'kernel'), makeSide(home, 'ours')]
  const { directory: upper, work } = kernel.upper
  await mountOverlay(
    {
      kind: 'overlay',
      lowers: [lower],
      shortLowers: ['lower'],
      home,
      upper,
      work,
      userxattr: false,
    },
    kernel.merged,
  )
  t.teardown(() => unmount(kernel.merged, { lazy: true }))
  await mountByFuse({ target: ours.merged, form, lowers: [lower], upper: ours.upper })
  t.teardown(() => unmountFuse(ours.merged, { lazy: true }))
  const modes = ({ merged }: Side): string[] => {
    const script = 'echo x >> append; : > open; truncate -s 1 truncate'
    const nobody = { uid: 65_534, gid: 65_534, cwd: merged }
    t.equal(spawnSync('sh', ['-c', script], nobody).status, 0)
    fs.appendFileSync(path.join(merged, 'own'), 'x')
    return names.map((name) => fs.statSync(path.join(merged, name)).mode.toString(8))
  }
  t.same(modes(ours), modes(kernel))
  t.same(modes(ours), ['100777', '100777', '100777', '106777'])
})

t.test('a signal before the server is ready takes the mount away', { skip }, async (t) => {
  const home = temporaryDirectory(t)
  const { merged, upper } = makeSide(home, 'early')
  const before = process.env['NODE_OPTIONS']
  // The server takes it from here: in it, the first program that is started comes after a signal. It is the watcher.
  const early = `import processes from 'node:child_process'
    import { syncBuiltinESMExports } from 'node:module'
    const { spawn } = processes
    processes.spawn = (...given) => {
      process.kill(process.pid, 'SIGTERM')
      return spawn(...given)
    }
    syncBuiltinESMExports()`
  process.env['NODE_OPTIONS'] = `--import=data:text/javascript,${encodeURIComponent(early)}`
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_OPTIONS']
    else process.env['NODE_OPTIONS'] = before
    unmountFuse(merged, { lazy: true })
  })
  await t.rejects(mountByFuse({ target: merged, form, lowers: [upper.directory] }), {
    name: 'HostError',
  })
  t.notOk(mounted(merged))
})

t.test('a server that was killed leaves no stuck directory', { skip }, async (t) => {
  const home = temporaryDirectory(t)
  const lower = path.join(home, 'lower')
  const target = path.join(home, 'm')
  for (const dir of [lower, target]) fs.mkdirSync(dir)
  const server = await mountByFuse({ target, form, lowers: [lower] })
  t.teardown(() => unmountFuse(target, { lazy: true }))
  process.kill(server.pid, 'SIGKILL')
  t.ok(await until(() => !mounted(target)))
  t.same(fs.readdirSync(target), [])
})

t.test(
  'nor where its watcher was killed with it: the next command clears it',
  { skip },
  async (t) => {
    const home = temporaryDirectory(t)
    const lower = path.join(home, 'lower')
    const target = path.join(home, 'm')
    for (const dir of [lower, target]) fs.mkdirSync(dir)
    fs.writeFileSync(path.join(lower, 'f'), 'f')
    t.teardown(() => unmountFuse(target, { lazy: true }))
    const die = async (): Promise<void> => {
      const server = await mountByFuse({ target, form, lowers: [lower] })
      for (const pid of [...childrenOf(server.pid), server.pid]) process.kill(pid, 'SIGKILL')
      t.ok(await until(() => codeOf(() => fs.readdirSync(target)) === 'ENOTCONN'), 'it is stuck')
    }
    const root = ['--root', path.join(home, 'root')]
    await die()
    t.equal(shale([...root, 'umount', target]).code, 0)
    t.same(fs.readdirSync(target), [])
    await die()
    t.equal(
      shale([...root, 'overlay', '--view', 'fuse', '-o', `lowerdir=${lower}`, target]).code,
      0,
    )
    t.same(fs.readdirSync(target), ['f'])
    t.equal(shale([...root, 'umount', target]).code, 0)
  },
)

function childrenOf(parent: number): number[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = fs.readFileSync(`/proc/${name}/stat`, 'latin1')
        return Number(stat.slice(stat.lastIndexOf(')')).split(' ')[2]) === parent
          ? [Number(name)]
          : []
      } catch {
        return []
      }
    })
}

t.test('one upper directory, one writer', { skip }, async (t) => {
  const home = temporaryDirectory(t)
  const lower = path.join(home, 'lower')
  fs.mkdirSync(lower)
  const { merged, upper } = makeSide(home, 'ours')
  const second = path.join(home, 'second')
  fs.mkdirSync(second)
  await mountByFuse({ target: merged, form, lowers: [lower], upper })
  t.teardown(() => unmountFuse(merged, { lazy: true }))
  await t.rejects(mountByFuse({ target: second, form, lowers: [lower], upper }), {
    code: 'ERR_MOUNT_EXISTS',
  })
  t.ok(await until(() => !mounted(second)))
})

againAsUser(import.meta.url)
