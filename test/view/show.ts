import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { CacheID } from '../../src/digest/digest.ts'
import { bindReadOnly, unmount } from '../../src/sys/mount.ts'
import { unreadableForm } from '../../src/view/kernel.ts'
import { readRecords, recordFile } from '../../src/view/merge-records.ts'
import { listViews, unmountView, type ViewPlace } from '../../src/view/mount-list.ts'
import { showView, type ShowRequest } from '../../src/view/show.ts'
import { LayerStack } from '../../src/view/stack.ts'
import { againAsUser, fuseSkip } from '../support/fuse-for-users.ts'
import { unless } from '../support/host.ts'
import { overlaySkip, writeStack } from '../support/layer-directory.ts'
import { file, memoryLayer, whiteout } from '../support/memory-layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const hasFuse = fuseSkip() === false

interface Store {
  readonly place: ViewPlace
  readonly target: string
  readonly request: (change?: Partial<ShowRequest>) => ShowRequest
}

function makeStore(
  t: { teardown(undo: () => void): unknown },
  depth = 2,
  form: 'none' | 'trusted' = 'none',
): Store {
  const root = fs.realpathSync(temporaryDirectory(t))
  const layers = [
    memoryLayer(file('a', 'top'), whiteout('b')),
    memoryLayer(file('b'), file('c/d', 'low')),
  ]
  const home = path.join(root, 'overlay2')
  const { directories, spec } = writeStack(home, depth === 1 ? layers.slice(1) : layers, form)
  const place = { home, merges: path.join(root, 'shale/merges') }
  const target = path.join(root, 'mnt')
  fs.mkdirSync(target)
  return {
    place,
    target,
    request: (change = {}) => ({
      place,
      form,
      spec,
      openStack: () => new LayerStack(directories, { form }),
      topCacheID: 'layer0' as CacheID,
      image: 'app:1',
      target,
      view: 'merge',
      ...change,
    }),
  }
}

t.test('a merge is shown, listed, and gone without a trace', async (t) => {
  const { place, target, request } = makeStore(t)
  const link = `${target}-link`
  fs.symlinkSync(target, link)
  t.match(await showView(request({ target: link })), { view: 'merge', target })
  t.same(fs.readdirSync(target), ['a', 'c'])
  t.equal(fs.readFileSync(path.join(target, 'c/d'), 'utf8'), 'low')
  t.match(listViews(place), [{ target, view: 'merge', topCacheID: 'layer0', image: 'app:1' }])
  await t.rejects(showView(request()), { code: 'ERR_MOUNT_EXISTS' })
  t.match(unmountView(place, link), { target, view: 'merge' })
  t.same(fs.readdirSync(target), [])
  t.same(fs.readdirSync(place.merges), [])
  t.same(listViews(place), [])
  t.throws(() => unmountView(place, target), { code: 'ERR_MOUNT_NOT_FOUND' })
})

t.test('an asked-for merge gives no reason, a failed one leaves no record', async (t) => {
  const { place, target, request } = makeStore(t)
  t.same(await showView(request({ view: 'merge' })), { view: 'merge', target })
  unmountView(place, target)
  const reason = new Error('stop')
  await t.rejects(showView(request({ view: 'merge', signal: AbortSignal.abort(reason) })), reason)
  const controller = new AbortController()
  const openStack: ShowRequest['openStack'] = () => {
    controller.abort(reason)
    return request().openStack()
  }
  await t.rejects(
    showView(request({ view: 'merge', signal: controller.signal, openStack })),
    reason,
  )
  t.same(fs.readdirSync(target), [])
  t.same(listViews(place), [])
  fs.writeFileSync(path.join(target, 'mine'), '')
  await t.rejects(showView(request()), { code: 'ERR_DESTINATION_EXISTS' })
  t.same(fs.readdirSync(target), ['mine'])
  t.same(readRecords(place.merges), [])
})

t.test('where the kernel cannot, a FUSE server; where there is none, the merge', async (t) => {
  const { place, target, request } = makeStore(t)
  const shown = await showView(request({ view: 'auto' }))
  t.match(shown, { view: hasFuse ? 'fuse' : 'merge', target, reason: /owners/ })
  t.same(fs.readdirSync(target), ['a', 'c'])
  t.equal(fs.readFileSync(path.join(target, 'c/d'), 'utf8'), 'low')
  t.match(listViews(place), [{ target, view: shown.view, topCacheID: 'layer0' }])
  t.match(unmountView(place, target), { target, view: shown.view })
  t.same(fs.readdirSync(target), [])
  t.same(listViews(place), [])
})

t.test('only a server can stay in the foreground', async (t) => {
  const { request } = makeStore(t)
  for (const view of ['kernel', 'merge'] as const) {
    await t.rejects(showView(request({ view, foreground: true })), { code: 'ERR_OPTION' })
  }
})

t.test('the kernel is not asked to show a form that it cannot read', async (t) => {
  const { request } = makeStore(t)
  await t.rejects(showView(request({ view: 'kernel' })), {
    code: 'ERR_OVERLAY_UNAVAILABLE',
    message: /files named \.wh\.\*/,
  })
  t.match(unreadableForm('user', '6.6.99'), /from Linux 6\.7 on; this is 6\.6\.99/)
  t.equal(unreadableForm('user', '6.7.0-rc1'), undefined)
  t.equal(unreadableForm('user', '7.0.0'), undefined)
  t.equal(unreadableForm('trusted', '5.4.0'), undefined)
})

t.test('directories that will not do', async (t) => {
  const { place, target, request } = makeStore(t)
  await t.rejects(showView(request({ target: `${target}/none` })), { code: 'ERR_FILE_NOT_FOUND' })
  const plain = `${target}-file`
  fs.writeFileSync(plain, '')
  await t.rejects(showView(request({ target: plain })), {
    code: 'ERR_OPTION',
    message: /is not a directory/,
  })
  for (const inside of [
    place.home,
    path.join(place.home, 'layer0'),
    path.dirname(place.home),
    '/',
  ]) {
    await t.rejects(showView(request({ target: inside })), {
      code: 'ERR_OPTION',
      message: /layers are in/,
    })
  }
})

t.test('only what a merge made is removed', async (t) => {
  const { place, target, request } = makeStore(t)
  await showView(request())
  fs.renameSync(target, `${target}-moved`)
  fs.mkdirSync(target)
  fs.writeFileSync(path.join(target, 'mine'), '')
  t.throws(() => unmountView(place, target), {
    code: 'ERR_DESTINATION_EXISTS',
    message: recordFile(place.merges, target),
  })
  t.same(fs.readdirSync(target), ['mine'])
  fs.rmSync(target, { recursive: true })
  t.match(unmountView(place, target), { view: 'merge' }, 'gone already: forgotten')
  t.same(listViews(place), [])
})

t.test('an unreadable record hides no other', async (t) => {
  const { place, target, request } = makeStore(t)
  await showView(request())
  fs.writeFileSync(path.join(place.merges, `${'0'.repeat(64)}.json`), '{"target":1}')
  fs.writeFileSync(path.join(place.merges, `${'1'.repeat(64)}.json`), '{')
  fs.writeFileSync(path.join(place.merges, '.tmp-x'), '')
  t.match(listViews(place), [{ target }])
  t.equal(listViews(place).length, 1)
})

t.test(
  'without the right to mount and without FUSE, auto writes the merge',
  {
    skip: unless({ ordinaryUser: true }) || (hasFuse && 'FUSE is to be had'),
  },
  async (t) => {
    const root = makeStore(t, 1, 'trusted')
    const shown = await showView(root.request({ view: 'auto' }))
    t.match(shown, { view: 'merge', reason: /needs root/ })
    t.same(fs.readdirSync(root.target), ['b', 'c'])
    unmountView(root.place, root.target)
  },
)

t.test('the kernel view: shown, listed, unmounted', { skip: await overlaySkip() }, async (t) => {
  for (const depth of [1, 2]) {
    const { place, target, request } = makeStore(t, depth, 'trusted')
    t.same(await showView(request({ view: 'auto' })), { view: 'kernel', target })
    t.same(fs.readdirSync(target), depth === 1 ? ['b', 'c'] : ['a', 'c'])
    t.throws(() => fs.writeFileSync(path.join(target, 'x'), ''), { code: 'EROFS' })
    t.same(listViews(place), [{ target, view: 'kernel', topCacheID: 'layer0' }])
    await t.rejects(showView(request()), { code: 'ERR_MOUNT_EXISTS' })
    t.same(unmountView(place, target), { target, view: 'kernel', topCacheID: 'layer0' })
    t.same(fs.readdirSync(target), [])
    t.same(listViews(place), [])
  }
})

t.test('a merge with a mount in it is not emptied', { skip: unless({ root: true }) }, async (t) => {
  const { place, target, request } = makeStore(t)
  await showView(request())
  const other = `${target}-other`
  fs.mkdirSync(other)
  fs.writeFileSync(path.join(other, 'precious'), '')
  bindReadOnly(other, path.join(target, 'c'))
  t.throws(() => unmountView(place, target), { code: 'ERR_MOUNT_EXISTS' })
  unmount(path.join(target, 'c'))
  unmountView(place, target)
  t.same(fs.readdirSync(other), ['precious'])
})

againAsUser(import.meta.url)
