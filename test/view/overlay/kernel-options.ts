// What the kernel's view makes of its options: a single lower directory is an overlay like any other, and every word of
// mount(8) gives the flags that `mount -t overlay` gives. That mount, and one over an empty directory, are the oracles.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { pathFromText, type BytePath } from '../../../src/path/byte-path.ts'
import { mountOneLower } from '../../../src/sys/mount-one-lower.ts'
import { listMounts, type MountEntry } from '../../../src/sys/mount-table.ts'
import { takesSingleLowers, unmount } from '../../../src/sys/mount.ts'
import { parseOverlayOptions } from '../../../src/view/overlay/overlay-options.ts'
import { showOverlay } from '../../../src/view/overlay/show-overlay.ts'
import { unmountOverlay } from '../../../src/view/overlay/unmount-overlay.ts'
import type { Shown, ViewChoice } from '../../../src/view/show.ts'
import { endNextThread } from '../../support/end-thread.ts'
import { fuseSkip } from '../../support/fuse-for-users.ts'
import { isRoot, unless } from '../../support/host.ts'
import { writeLayer, overlaySkip } from '../../support/layer-directory.ts'
import type { MemoryEntry } from '../../support/memory-layer.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

/** Of this test: there, and over the root. What others mount meanwhile is theirs. */
function mountsOf(home: string): number {
  return listMounts().filter(({ target }) => target === '/' || target.startsWith(home)).length
}

const skip = (await overlaySkip()) || (!isRoot && 'needs root')

interface Bench {
  readonly at: (name: string) => string
  readonly show: (view: ViewChoice, text: string) => Promise<Shown>
  readonly away: () => Promise<unknown>
  readonly mounted: () => MountEntry | undefined
}

function makeBench(t: Test): Bench {
  const home = fs.realpathSync(temporaryDirectory(t))
  const at = (name: string): string => path.join(home, name)
  for (const name of ['low', 'empty', 'up', 'work', 'shown']) fs.mkdirSync(at(name))
  t.teardown(() => unmount(at('shown'), { lazy: true }))
  const merges = at('records')
  return {
    at,
    show: (view, text) =>
      showOverlay({ options: parseOverlayOptions(text), target: at('shown'), view, merges }),
    away: () => unmountOverlay(merges, at('shown')),
    mounted: () => listMounts().findLast((mount) => mount.target === at('shown')),
  }
}

/** Every name that can be looked up, and how it looks; without times and numbers of the mount itself. */
function treeOf(root: string, inside = ''): string[] {
  return fs.readdirSync(path.join(root, inside)).flatMap((name) => {
    const place = path.join(inside, name)
    const status = fs.lstatSync(path.join(root, place), { throwIfNoEntry: false })
    // The kernel lists a whiteout where a directory is of one layer alone; nobody can open it.
    if (status === undefined) return []
    const line = `${place} ${status.mode.toString(8)} ${status.rdev}`
    return status.isDirectory() ? [line, ...treeOf(root, place)] : [line]
  })
}

for (const form of ['trusted', 'user'] as const) {
  t.test(`a single lower directory with marks, ${form}`, { skip }, async (t) => {
    const { at, show, away, mounted } = makeBench(t)
    const entries = [
      ['d', { type: 'directory' }],
      ['d/kept', { type: 'file' }],
      ['d/gone', { type: 'whiteout' }],
      ['opaque', { type: 'directory', opaque: true }],
      ['opaque/in', { type: 'file' }],
      ['gone', { type: 'whiteout' }],
      ['file', { type: 'file' }],
    ] as const
    const named = entries.map(([name, entry]) => ({ ...entry, path: pathFromText(name) }))
    const layer = new Map<BytePath, MemoryEntry>(named.map((entry) => [entry.path, entry]))
    writeLayer(at('low'), { entries: layer }, form)
    const userxattr = form === 'user' ? ',userxattr' : ''
    const seen: string[][] = []
    const before = mountsOf(at(''))
    for (const [view, lowers] of [
      ['kernel', at('low')],
      ['kernel', `${at('low')}:${at('empty')}`],
      ['fuse', at('low')],
    ] as const) {
      if (view === 'fuse' && fuseSkip() !== false) continue
      await show(view, `lowerdir=${lowers}${userxattr}`)
      t.equal(mountsOf(at('')), before + 1, 'one mount, and nothing beside it')
      if (view === 'kernel') t.equal(mounted()?.type, 'overlay')
      seen.push(treeOf(at('shown')).sort())
      t.notOk(fs.readdirSync(at('shown')).includes('gone'))
      t.throws(() => fs.writeFileSync(path.join(at('shown'), 'new'), ''), { code: 'EROFS' })
      await away()
    }
    const [ours, ...oracles] = seen
    t.same(
      ours!.map((line) => line.split(' ')[0]),
      ['d', 'd/kept', 'file', 'opaque', 'opaque/in'],
    )
    for (const oracle of oracles) t.same(ours, oracle)
  })
}

t.test('the options of a single lower directory hold', { skip }, async (t) => {
  const { at, show, away, mounted } = makeBench(t)
  const options = [
    ['redirect_dir=follow'],
    ['redirect_dir=nofollow'],
    ['redirect_dir=on', 'metacopy=on'],
    ['userxattr'],
    ['xino=off'],
    ['index=on', 'nfs_export=on'],
  ]
  for (const words of options) {
    const told = async (lowers: string): Promise<string[]> => {
      await show('kernel', `${words.join(',')},lowerdir=${lowers}`)
      const own = mounted()!.superOptions.filter((word) => !word.startsWith('lowerdir'))
      await away()
      return own
    }
    t.same(await told(at('low')), await told(`${at('low')}:${at('empty')}`), words.join(','))
  }
  await show('kernel', `redirect_dir=nofollow,nosuid,noatime,lowerdir=${at('low')}`)
  t.ok(mounted()!.superOptions.includes('redirect_dir=nofollow'))
  t.ok(['ro', 'nosuid', 'noatime'].every((word) => mounted()!.options.includes(word)))
  await away()
  await t.rejects(show('kernel', `userxattr,metacopy=on,lowerdir=${at('low')}`), {
    code: 'ERR_OVERLAY_UNAVAILABLE',
    message: /userxattr together with metacopy=on/,
  })
})

t.test('a single lower directory whatever its name and the kernel', { skip }, async (t) => {
  const { at } = makeBench(t)
  const before = mountsOf(at(''))
  const long = path.join(at('low'), 'x'.repeat(150), 'y'.repeat(150))
  for (const [lower, release] of [
    [at('low'), '6.1.0'],
    [at('odd,a:b\\c'), '6.1.0'],
    [at('odd,a:b\\c'), undefined],
    [long, undefined],
    [long, '6.1.0'],
  ] as const) {
    fs.mkdirSync(lower, { recursive: true })
    fs.writeFileSync(path.join(lower, 'f'), lower)
    for (const target of [at('shown'), lower, at('')]) {
      await mountOneLower({ lower, options: [], attributes: 1 }, target, release)
      t.equal(mountsOf(at('')), before + 1)
      t.equal(fs.readFileSync(path.join(target, 'f'), 'utf8'), lower, target)
      t.ok(unmount(target))
    }
  }
  void endNextThread()
  await t.rejects(mountOneLower({ lower: at('low'), options: [], attributes: 1 }, at('shown')), {
    code: 'ERR_HOST',
    message: /the thread for it ended without an answer/,
  })
  await t.rejects(mountOneLower({ lower: at('low'), options: [], attributes: 1 }, at('none')), {
    code: 'ERR_HOST',
  })
  t.equal(mountsOf(at('')), before, 'and where it fails nothing stays')
})

/** Of mount(8), FILESYSTEM-INDEPENDENT MOUNT OPTIONS, but for remount, which wants a mount, and SELinux's contexts. */
const WORDS: readonly string[] = [
  ...['ro', 'rw', 'suid', 'nosuid', 'dev', 'nodev', 'exec', 'noexec', 'sync', 'async', 'dirsync'],
  ...['mand', 'nomand', 'lazytime', 'nolazytime', 'iversion', 'noiversion', 'silent', 'loud'],
  ...['atime', 'noatime', 'diratime', 'nodiratime', 'relatime', 'norelatime', 'strictatime'],
  ...['nostrictatime', 'symfollow', 'nosymfollow', 'auto', 'noauto', 'user', 'nouser', 'users'],
  ...[
    'owner',
    'group',
    'nofail',
    '_netdev',
    'defaults',
    'X-a=b',
    'x-a.b',
    'user,exec',
    'sync,async',
  ],
  ...['nosuid,nodev,noexec,noatime,nodiratime,sync,dirsync,lazytime', 'noatime,strictatime'],
  ...['strictatime,nosuid', 'norelatime,nodev', 'ro,rw', 'lazytime,nolazytime', 'users,dev,suid'],
]

/** A uuid is had by the first mount of an upper directory, if any. */
const OF_THE_LAYERS = /^(?:(?:lower|upper|work)dir\+?|uuid)=/

for (const by of ['the mount API', 'mount(2)'] as const) {
  t.test(
    `the flags of mount -t overlay, by ${by}`,
    { skip: skip || unless({ programs: ['mount'] }) },
    async (t) => {
      const { at, show, away, mounted } = makeBench(t)
      // What fsconfig(2) cannot name goes to mount(2).
      const low = by === 'mount(2)' ? at(`${'x'.repeat(150)}/${'y'.repeat(150)}`) : at('low')
      fs.mkdirSync(low, { recursive: true })
      const places = `lowerdir=${low},upperdir=${at('up')},workdir=${at('work')}`
      const flags = (): unknown => {
        const { options, superOptions, source } = mounted()!
        return [options, superOptions.filter((word) => !OF_THE_LAYERS.test(word)), source]
      }
      for (const word of WORDS) {
        const args = ['-t', 'overlay', '-o', `${word},${places}`, 'overlay', at('shown')]
        const done = spawnSync('mount', args, { encoding: 'utf8' })
        if (done.status !== 0) {
          t.comment(`this mount(8) knows no ${word}: ${done.stderr}`)
          continue
        }
        const expected = flags()
        unmount(at('shown'))
        await show('kernel', `${word},${places}`)
        t.same(flags(), expected, word)
        await away()
      }
    },
  )
}

t.test('iversion, which mount(2) alone has', { skip }, async (t) => {
  const { at, show, away, mounted } = makeBench(t)
  const stack = `lowerdir=${at('low')}:${at('empty')}`
  // No mount table tells of the flag itself, but the kernel tells which call it was given the directories by.
  const byMountAPI = async (text: string): Promise<boolean> => {
    await show('kernel', text)
    const told = mounted()!.superOptions.some((word) => word.startsWith('lowerdir+='))
    await away()
    return told
  }
  if (takesSingleLowers()) t.ok(await byMountAPI(stack))
  t.notOk(await byMountAPI(`iversion,${stack}`))
  t.notOk(await byMountAPI(`iversion,${stack},upperdir=${at('up')},workdir=${at('work')}`))
  t.equal(await byMountAPI(`iversion,noiversion,${stack}`), takesSingleLowers())
  await t.rejects(show('kernel', `iversion,lowerdir=${at('low')}`), {
    code: 'ERR_OVERLAY_UNAVAILABLE',
    message: /only mount\(2\) has iversion/,
  })
  const many = Array.from({ length: 30 }, (_, index) => at(`${'x'.repeat(150)}${index}`))
  for (const directory of many) fs.mkdirSync(directory)
  await t.rejects(show('kernel', `iversion,lowerdir=${many.join(':')}`), {
    code: 'ERR_OVERLAY_UNAVAILABLE',
    message: /mount\(2\) takes, and nothing else has iversion$/,
  })
  t.equal(mounted(), undefined)
})

t.test('what the other views make of them', { skip: skip || fuseSkip() }, async (t) => {
  const { at, show, away, mounted } = makeBench(t)
  const places = `lowerdir=${at('low')},upperdir=${at('up')},workdir=${at('work')}`
  for (const word of ['dirsync', 'lazytime', 'mand', 'iversion']) {
    for (const view of ['fuse', 'merge'] as const) {
      await t.rejects(show(view, `${word},${places}`), {
        code: 'ERR_OVERLAY_UNAVAILABLE',
        message: `the ${view} view has no ${word}: `,
      })
    }
  }
  await t.rejects(show('merge', `user,${places}`), { message: /the merge view has no nosuid/ })
  await show('merge', `async,lazytime,nolazytime,silent,suid,${places}`)
  await away()
  await show('fuse', `sync,lazytime,nolazytime,silent,${places}`)
  t.ok(mounted()!.superOptions.includes('sync'))
  // Each write comes to the server, and an fsync behind it: what the kernel writes by itself it does not flush.
  const before = writesOf(at('shown'))
  const fd = fs.openSync(path.join(at('shown'), 'f'), 'w')
  for (let i = 0; i < 50; i++) fs.writeSync(fd, 'x')
  fs.closeSync(fd)
  t.ok(writesOf(at('shown')) - before >= 100)
  await away()
})

/** By the server of a mount: into files, and answers into /dev/fuse. */
function writesOf(target: string): number {
  const pid = fs.readdirSync('/proc').find((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      return fs.readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(`shale-fuse ${target}\0`)
    } catch {
      return false
    }
  })
  return Number(/^syscw: (\d+)$/m.exec(fs.readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
}
