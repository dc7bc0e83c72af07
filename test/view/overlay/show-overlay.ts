// Unions of plain directories by every view that this host has, and whether what one view wrote another reads: the same
// generated operations through each, and each upper directory read by all the others. The kernel's mount is the oracle
// where it can be had.

import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { LayerStoreError } from '../../../src/errors.ts'
import { unmountFuse } from '../../../src/sys/fuse-device.ts'
import { bindWritable, unmount } from '../../../src/sys/mount.ts'
import { openUnion } from '../../../src/unionfs/open-union.ts'
import { parseOverlayOptions } from '../../../src/view/overlay/overlay-options.ts'
import { showOverlay, type OverlayRequest } from '../../../src/view/overlay/show-overlay.ts'
import { unmountOverlay } from '../../../src/view/overlay/unmount-overlay.ts'
import type { Shown } from '../../../src/view/show.ts'
import { againAsUser, fuseSkip } from '../../support/fuse-for-users.ts'
import { isRoot } from '../../support/host.ts'
import { formsHere, overlaySkip } from '../../support/layer-directory.ts'
import { layerStacks } from '../../support/merge-model.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { describeTree, operations, perform, withoutLinks } from '../../support/union-operations.ts'
import {
  age,
  differences,
  hostSubject,
  kernelSubject,
  writeRuns,
} from '../../support/union-subjects.ts'

type View = Shown['view']

const RUNS = Number(process.env['SHALE_UNION_RUNS'] ?? 25)
const skips: Readonly<Record<View, string | false>> = {
  kernel: await overlaySkip(),
  fuse: fuseSkip(),
  merge: formsHere()[0] === 'none' && 'no extended attributes here',
}
const views = (['kernel', 'fuse', 'merge'] as const).filter((view) => skips[view] === false)
const form = isRoot && formsHere().includes('trusted') ? 'trusted' : 'user'

interface Bench {
  readonly home: string
  readonly at: (name: string) => string
  readonly show: (view: View, text: string, more?: Partial<OverlayRequest>) => Promise<Shown>
  readonly away: (view: View) => Promise<unknown>
}

function makeBench(t: { teardown(undo: () => void): unknown }): Bench {
  const home = fs.realpathSync(temporaryDirectory(t))
  const at = (name: string): string => {
    const place = path.join(home, name)
    fs.mkdirSync(place, { recursive: true })
    return place
  }
  const merges = path.join(home, 'records')
  const target = (view: View): string => at(`shown-${view}`)
  return {
    home,
    at,
    show: (view, text, more = {}) =>
      showOverlay({
        options: parseOverlayOptions(text),
        target: target(view),
        view,
        merges,
        ...more,
      }),
    away: (view) => unmountOverlay(merges, target(view)),
  }
}

t.test(
  'what one view wrote, every other reads',
  { skip: views.length < 2 && 'one view only' },
  async (t) => {
    const bench = makeBench(t)
    const seed = Number(process.env['SHALE_UNION_SEED'] ?? Date.now() & 0xffffff)
    const stacks = fc.sample(layerStacks, { numRuns: RUNS, seed })
    const lists = fc.sample(operations, { numRuns: RUNS, seed })
    const lowers = writeRuns(bench.home, stacks, form)
    const since = Date.now() - 86_400_000
    const userxattr = form === 'trusted' ? '' : ',userxattr'
    const seen = (view: View): Map<string, string> => {
      const subject = view === 'kernel' ? kernelSubject : hostSubject
      const tree = describeTree(subject(path.join(bench.home, `shown-${view}`)), since)
      // The directory that a merge is written into keeps what it was.
      tree.delete('')
      // Its directories are the disk's, and have the links of those.
      return new Map([...tree].map(([at, text]) => [at, withoutLinks(text)]))
    }
    for (const writer of views) {
      const upper = bench.at(`upper-${writer}`)
      const work = bench.at(`work-${writer}`)
      age(upper)
      await bench.show(
        writer,
        `lowerdir=${lowers.join(':')},upperdir=${upper},workdir=${work}${userxattr}`,
      )
      for (const [run, list] of lists.entries()) {
        const subject = hostSubject(path.join(bench.home, `shown-${writer}`, `run${run}`))
        for (const operation of list) {
          if (/^h[eo]ld/.test(operation.kind)) continue
          // An ordinary user is shut out by some modes, and a merge gives nobody the others.
          const { kind, n } = operation
          if (!isRoot && (kind === 'chmod' || kind === 'create') && n !== 1) continue
          perform(subject, operation)
        }
      }
      const wrote = seen(writer)
      await bench.away(writer)
      for (const reader of views) {
        await bench.show(reader, `lowerdir=${[upper, ...lowers].join(':')}${userxattr}`)
        t.strictSame(
          differences(wrote, seen(reader)),
          [],
          `${writer} wrote, ${reader} reads, seed ${seed}`,
        )
        await bench.away(reader)
      }
    }
  },
)

t.test('where no view will do, each says why', async (t) => {
  const { at, home } = makeBench(t)
  const places = `lowerdir=${at('low')},upperdir=${at('up')},workdir=${at('work')}`
  const auto = (text: string): Promise<Shown> =>
    showOverlay({
      options: parseOverlayOptions(`${places},${text}`),
      target: at('shown'),
      merges: path.join(home, 'records'),
    })
  await t.rejects(auto('squash_to_root,index=on'), {
    code: 'ERR_OVERLAY_UNAVAILABLE',
    message:
      /the kernel view has no other owners.*; the fuse view has no index=on.*; the merge view has no/,
  })
  await t.rejects(auto('whiteouts=names,index=on'), {
    message:
      /the kernel view has no whiteouts=names: only FUSE .*; the merge view has no whiteouts=/,
  })
  // What the kernel leaves of a volatile mount.
  const incompat = path.join(at('work'), 'work/incompat')
  fs.mkdirSync(path.join(incompat, 'volatile'), { recursive: true })
  for (const view of ['fuse', 'merge'] as const) {
    const options = parseOverlayOptions(places)
    const shown = showOverlay({
      options,
      target: at('shown'),
      view,
      merges: path.join(home, 'records'),
    })
    await t.rejects(shown, { code: skips[view] === false ? 'ERR_MOUNT_EXISTS' : /^ERR_/ }, view)
  }
  t.ok(fs.existsSync(path.join(incompat, 'volatile')), 'is left for whoever must know')
  const refused = (await auto('xino=off').catch((error: unknown) => error)) as LayerStoreError
  t.equal(refused.code, 'ERR_MOUNT_EXISTS')
  t.match(refused.message, /is of a volatile mount.*; and there is no other view: /)
  t.match(refused.message, '; the fuse view has no xino=off')
  if (skips.kernel === false) t.match(refused.message, `takes it again when ${incompat} is removed`)
})

t.test('no layer is taken that shares its content with upperdir or workdir', async (t) => {
  const { at, home } = makeBench(t)
  const inside = path.join(at('low'), 'up')
  fs.mkdirSync(inside)
  for (const [lower, upper] of [
    [at('low'), at('low')],
    [at('low'), inside],
    [path.join(at('up'), '..'), at('up')],
  ] as const) {
    const options = parseOverlayOptions(`lowerdir=${lower},upperdir=${upper},workdir=${at('work')}`)
    await t.rejects(
      showOverlay({ options, target: at('shown'), merges: path.join(home, 'records') }),
      { code: 'ERR_OPTION', message: /it must be apart from/ },
      `${lower} and ${upper}`,
    )
  }
})

t.test(
  'an upper directory is one view’s at a time',
  { skip: skips.kernel || skips.fuse || !isRoot },
  async (t) => {
    const { at, home, show, away } = makeBench(t)
    const text = `lowerdir=${at('low')},upperdir=${at('up')},workdir=${at('work')}`
    const second = (view: View): Promise<Shown> =>
      showOverlay({
        options: parseOverlayOptions(text),
        target: at('second'),
        view,
        merges: path.join(home, 'records'),
      })
    for (const [first, others] of [
      ['fuse', ['kernel', 'fuse', 'merge']],
      ['kernel', ['fuse', 'merge']],
    ] as const) {
      await show(first, text)
      for (const other of others)
        await t.rejects(second(other), { code: 'ERR_MOUNT_EXISTS' }, `${other} beside ${first}`)
      await away(first)
    }
  },
)

t.test(
  'the mount point in a layer, and a mount below one',
  { skip: skips.fuse || !isRoot },
  async (t) => {
    const { at, show, away, home } = makeBench(t)
    const place = at('shown-fuse')
    const mounted = at('mounted')
    fs.writeFileSync(path.join(mounted, 'elsewhere'), '')
    const text = (lower: string): string =>
      `lowerdir=${lower},upperdir=${at('up')},workdir=${at('work')}`
    const lower = at('around')
    const inner = path.join(lower, 'inner')
    fs.mkdirSync(inner)
    bindWritable(mounted, inner)
    t.teardown(() => unmount(inner, { lazy: true }))
    await show('fuse', text(lower))
    t.same(
      fs.readdirSync(path.join(place, 'inner')),
      [],
      'what is mounted there is no part of the layer',
    )
    await away('fuse')
    unmount(inner)
    const options = parseOverlayOptions(text(lower))
    await showOverlay({ options, target: inner, view: 'fuse', merges: path.join(home, 'records') })
    t.teardown(() => unmountFuse(inner, { lazy: true }))
    fs.writeFileSync(path.join(inner, 'inner/made'), 'made')
    t.same(fs.readdirSync(path.join(inner, 'inner')), ['made'])
    t.ok(fs.existsSync(path.join(at('up'), 'inner/made')))
  },
)

for (const view of ['kernel', 'fuse'] as const) {
  t.test(
    `${view}: over a layer of its own, and above all of them`,
    { skip: skips[view] },
    async (t) => {
      const { at, home } = makeBench(t)
      const merges = path.join(home, 'records')
      const all = at('all')
      const [low, up, work] = ['low', 'up', 'work'].map((name) => at(`all/${name}`))
      fs.writeFileSync(path.join(low!, 'below'), 'below')
      const options = parseOverlayOptions(`lowerdir=${low},upperdir=${up},workdir=${work}`)
      for (const target of [low!, up!, all]) {
        t.match(await showOverlay({ options, target, view, merges }), { view, target })
        t.equal(fs.readFileSync(path.join(target, 'below'), 'utf8'), 'below')
        fs.writeFileSync(path.join(target, 'new'), target)
        t.ok(fs.statfsSync(target).blocks > 0)
        await unmountOverlay(merges, target)
        t.equal(fs.readFileSync(path.join(up!, 'new'), 'utf8'), target)
      }
    },
  )
}

// The numbers are fuse-overlayfs 1.10's, but for EOVERFLOW, where it writes 65534.
t.test(
  'fuse: whom files are shown as belonging to, and whose they are on disk',
  { skip: skips.fuse || (!isRoot && 'needs root') },
  async (t) => {
    const { at, show, away, home } = makeBench(t)
    const low = at('low')
    for (const [name, uid, gid] of [
      ['a', 5, 6],
      ['b', 1000, 1000],
    ] as const) {
      fs.writeFileSync(path.join(low, name), name)
      fs.chownSync(path.join(low, name), uid, gid)
    }
    const owner = (file: string): string => {
      const { uid, gid } = fs.lstatSync(path.join(home, file))
      return `${uid}:${gid}`
    }
    const cases = [
      [
        'uidmapping=0:100:10:1000:0:1',
        { a: '105:6', b: '0:1000' },
        { n: '1000:0', a: 'EOVERFLOW' },
      ],
      [
        'uidmapping=0:100000:1000,gidmapping=0:200000:1000',
        { a: '100005:200006', b: '65534:65534' },
        { n: 'EOVERFLOW', a: 'EOVERFLOW' },
      ],
      ['squash_to_root', { a: '0:0', b: '0:0' }, { n: '0:0', a: '7:8' }],
      ['squash_to_uid=42,squash_to_gid=43', { a: '42:43', b: '42:43' }, { n: '0:0', a: '7:8' }],
    ] as const
    for (const [index, [text, shown, disk]] of cases.entries()) {
      const upper = `up${index}`
      const places = `lowerdir=${low},upperdir=${at(upper)},workdir=${at(`work${index}`)}`
      await show('fuse', `${places},${text}`)
      const tried = (name: string, change: () => void): string => {
        try {
          change()
        } catch (error) {
          return (error as NodeJS.ErrnoException).code!
        }
        return owner(`${upper}/${name}`)
      }
      const inside = path.join(home, 'shown-fuse')
      t.same({ a: owner('shown-fuse/a'), b: owner('shown-fuse/b') }, shown, text)
      t.equal(
        tried('n', () => fs.writeFileSync(path.join(inside, 'n'), '')),
        disk.n,
      )
      t.equal(
        tried('a', () => fs.chownSync(path.join(inside, 'a'), 7, 8)),
        disk.a,
      )
      fs.appendFileSync(path.join(inside, 'b'), 'more')
      t.equal(owner(`${upper}/b`), '1000:1000', 'copied up as it was')
      t.same(fs.readdirSync(inside, { withFileTypes: true }).length, disk.n === 'EOVERFLOW' ? 2 : 3)
      await away('fuse')
    }
    for (const view of ['kernel', 'merge'] as const) {
      await t.rejects(show(view, `lowerdir=${low},squash_to_root`), {
        code: 'ERR_OVERLAY_UNAVAILABLE',
        message: /only FUSE has them/,
      })
    }
    t.match(
      await showOverlay({
        options: parseOverlayOptions(`lowerdir=${low},squash_to_root`),
        target: at('auto'),
        merges: path.join(home, 'records'),
      }),
      { view: 'fuse' },
    )
    await unmountOverlay(path.join(home, 'records'), at('auto'))
  },
)

for (const view of ['kernel', 'fuse', 'merge'] as const) {
  t.test(`${view}: shown and taken away`, { skip: skips[view] }, async (t) => {
    const { at, show, away, home } = makeBench(t)
    fs.writeFileSync(path.join(at('odd,a:b'), 'odd'), 'odd')
    fs.writeFileSync(path.join(at('low'), 'below'), 'below')
    const target = path.join(home, `shown-${view}`)
    const places = `lowerdir=${home}/odd\\,a\\:b:${home}/low`
    fs.writeFileSync(path.join(home, 'low/holes'), 'x')
    fs.truncateSync(path.join(home, 'low/holes'), 8 << 20)
    t.same(await show(view, places), { view, target })
    // For du(1), and for cp(1), which looks for holes where there are fewer blocks than bytes.
    const blocks = (file: string): number => fs.statSync(path.join(home, file)).blocks
    t.ok(blocks(`shown-${view}/holes`) <= blocks('low/holes') + 16)
    fs.rmSync(path.join(home, 'low/holes'))
    if (view === 'merge') fs.rmSync(path.join(target, 'holes'))
    t.same(fs.readdirSync(target), ['below', 'odd'])
    if (view !== 'merge') {
      t.throws(() => fs.writeFileSync(path.join(target, 'x'), ''), { code: 'EROFS' })
    }
    t.match(await away(view), { view, target })
    t.same(fs.readdirSync(target), [])
    await t.rejects(away(view), { code: 'ERR_MOUNT_NOT_FOUND' })

    const up = at('up,a:b\\c d')
    const escaped = up.replaceAll(/[\\:,]/g, '\\$&')
    const writable = `${places},upperdir=${escaped},workdir=${at('work')}`
    await show(view, `${writable},ro`)
    if (view !== 'merge') {
      t.throws(() => fs.writeFileSync(path.join(target, 'x'), ''), { code: 'EROFS' })
    }
    await away(view)
    await show(view, writable)
    fs.writeFileSync(path.join(target, 'new'), 'new')
    fs.rmSync(path.join(target, 'below'))
    await away(view)
    t.same(fs.readdirSync(up).sort(), ['below', 'new'])
    t.equal(fs.readFileSync(path.join(home, 'low/below'), 'utf8'), 'below')
    await show(view, writable)
    t.same(fs.readdirSync(target), ['new', 'odd'])
    await away(view)
  })
}

t.test('a view says what it has not', async (t) => {
  const { at, show } = makeBench(t)
  const places = `lowerdir=${at('a')}:${at('b')}`
  for (const [view, option] of [
    ['fuse', 'redirect_dir=on'],
    ['fuse', 'index=on'],
    ['fuse', 'metacopy=on'],
    ['fuse', 'xino=off'],
    ['merge', 'redirect_dir=on'],
    ['merge', 'nosuid'],
    ['merge', 'xino=on'],
  ] as const) {
    await t.rejects(show(view, `${places},${option}`), {
      code: 'ERR_OVERLAY_UNAVAILABLE',
      message: `the ${view} view has no ${option}`,
    })
  }
  await t.rejects(show('merge', places, { foreground: true }), { code: 'ERR_OPTION' })
})

t.test('directories that will not do', async (t) => {
  const { at, show, home } = makeBench(t)
  const lower = at('l')
  fs.writeFileSync(path.join(home, 'file'), '')
  await t.rejects(show('merge', `lowerdir=${home}/none`), { code: 'ERR_FILE_NOT_FOUND' })
  await t.rejects(show('merge', `lowerdir=${home}/file`), { code: 'ERR_OPTION' })
  const inside = `lowerdir=${lower},upperdir=${at('u')},workdir=${at('u/w')}`
  await t.rejects(show('merge', inside), { code: 'ERR_OPTION', message: /apart from upperdir/ })
  fs.writeFileSync(path.join(at('shown-merge'), 'mine'), '')
  await t.rejects(show('merge', `lowerdir=${lower}`), { code: 'ERR_DESTINATION_EXISTS' })
  t.same(fs.readdirSync(at('shown-merge')), ['mine'])
  const places = `lowerdir=${lower},upperdir=${at('u')},workdir=${at('w')}`
  for (const target of [lower, at('l/in'), at('u'), at('w'), at('w/in')]) {
    const options = parseOverlayOptions(places)
    const shown = showOverlay({ options, target, view: 'merge', merges: at('records') })
    await t.rejects(shown, { code: 'ERR_OPTION', message: /not written out into its own layers/ })
  }
})

t.test(
  'a folded merge keeps modes that shut its own user out',
  { skip: skips.merge },
  async (t) => {
    const { at, show, away, home } = makeBench(t)
    fs.writeFileSync(path.join(at('l'), 'secret'), 'secret')
    fs.mkdirSync(path.join(at('l'), 'closed'))
    fs.writeFileSync(path.join(home, 'l/closed/in'), 'in')
    const text = `lowerdir=${home}/l,upperdir=${at('u')},workdir=${at('w')}`
    await show('merge', text)
    const target = path.join(home, 'shown-merge')
    fs.chmodSync(path.join(target, 'secret'), 0)
    fs.chmodSync(path.join(target, 'closed'), 0o100)
    fs.writeFileSync(path.join(target, 'one'), 'of two names')
    fs.linkSync(path.join(target, 'one'), path.join(target, 'two'))
    fs.chmodSync(path.join(target, 'one'), 0)
    fs.writeFileSync(path.join(target, 'set'), 'x'.repeat(10))
    fs.utimesSync(path.join(target, 'set'), 5, 5)
    // Holes stay holes: where the disk has them, both take next to nothing.
    const sparse = 64 << 20
    for (const file of [path.join(target, 'holes'), path.join(home, 'holes')]) {
      fs.writeFileSync(file, 'start')
      fs.truncateSync(file, sparse)
    }
    await away('merge')
    const { size, blocks } = fs.statSync(path.join(home, 'u/holes'))
    t.equal(size, sparse)
    t.ok(blocks <= fs.statSync(path.join(home, 'holes')).blocks + 16, `${blocks} blocks`)
    await show('merge', text)
    // As far as an ordinary user's copy can be told apart: owners and modes stand beside the files.
    const mode = (name: string): number => fs.statSync(path.join(target, name)).mode & 0o777
    t.equal(mode('secret') & 0o077, 0)
    const upper = openUnion({ lowers: [path.join(home, 'u')] })
    for (const name of ['/one', '/two']) {
      t.match(await upper.stat(name), { mode: 0o100000, nlink: 2 }, name)
    }
    await upper.close()
    t.equal(mode('closed') & 0o077, 0)
    if (isRoot) t.same([mode('secret'), mode('closed')], [0, 0o100])
    t.equal(fs.statSync(path.join(target, 'set')).mtimeMs, 5000)
    // Changed under the same time and size: the file's last change of any kind tells.
    fs.writeFileSync(path.join(target, 'set'), 'y'.repeat(10))
    fs.utimesSync(path.join(target, 'set'), 5, 5)
    await away('merge')
    t.equal(fs.readFileSync(path.join(home, 'u/set'), 'utf8'), 'y'.repeat(10))
  },
)

againAsUser(import.meta.url)

t.test(
  'a merge whose directories changed places is folded so, though no file in them was touched',
  { skip: skips.merge },
  async (t) => {
    const { at, show, away, home } = makeBench(t)
    const names = ['p/a/x', 'p/a/deep/x', 'p/b/x', 'p/b/deep/x']
    for (const name of names) {
      at(`l/${path.dirname(name)}`)
      // All as long and as old as each other.
      fs.writeFileSync(path.join(home, 'l', name), name.padEnd(20))
      fs.utimesSync(path.join(home, 'l', name), 5, 5)
    }
    const lowers = `lowerdir=${home}/l`
    await show('merge', `${lowers},upperdir=${at('u')},workdir=${at('w')}`)
    const target = path.join(home, 'shown-merge/p')
    fs.renameSync(`${target}/a`, `${target}/c`)
    fs.renameSync(`${target}/b`, `${target}/a`)
    fs.renameSync(`${target}/c`, `${target}/b`)
    await away('merge')
    const union = openUnion({ lowers: [path.join(home, 'u'), path.join(home, 'l')] })
    for (const name of names) {
      const other = name.replace(/[ab]/, (letter) => (letter === 'a' ? 'b' : 'a'))
      t.equal((await union.readFile(`/${name}`, 'utf8')).trim(), other, name)
    }
    await union.close()
  },
)
