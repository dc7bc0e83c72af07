import t from 'tap'
import {
  listImageFiles,
  openImageFile,
  splitImagePath,
  type ImageFile,
} from '../../src/inspect/image-files.ts'
import type { Store } from '../../src/index.ts'
import { MTIME_NS } from '../support/layer.ts'
import { IMAGES, SCRATCH_ID, fixtureStore } from '../support/store-fixture.ts'

async function list(
  store: Store,
  path?: string,
  options: { recursive?: boolean } = {},
): Promise<ImageFile[]> {
  const files: ImageFile[] = []
  for await (const file of listImageFiles(store, 'app', path, options)) files.push(file)
  return files
}

async function text(store: Store, path: string): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await openImageFile(store, 'app', path)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

t.test('the merged tree, each file with its layer', async (t) => {
  const fixture = await fixtureStore(t)
  const store = await fixture.open()
  const all = await list(store, '/', { recursive: true })
  t.same(
    all.map((file) => `${file.path} ${file.type} ${file.layer?.number}`),
    [
      '/bin directory 1',
      '/bin/alias symlink 1',
      '/bin/tool file 1',
      '/dev directory 2',
      '/dev/null char 2',
      '/dev/queue fifo 2',
      '/etc directory 2',
      '/etc/evil\u001b[31m file 2',
      '/etc/motd file 2',
      '/etc/motd.link file 2',
      '/latest symlink 2',
    ],
  )
  t.equal(all[8]!.layer?.diffID, IMAGES.app.diffIDs[1])
})

t.test('metadata is the image’s, also where the disk cannot hold it', async (t) => {
  const fixture = await fixtureStore(t)
  const store = await fixture.open()
  const base: ImageFile[] = []
  for await (const file of listImageFiles(store, 'base:1', '/etc/old')) base.push(file)
  t.match(base[0], { path: '/etc/old', uid: 1000, gid: 100, mode: 0o600, sizeBytes: 4 })
  t.equal(base[0]!.mtimeNs, MTIME_NS)
  const bin = await list(store, '/bin')
  t.equal(bin.find((file) => file.path === '/bin/tool')?.mode, 0o4755)
  const dev = await list(store, '/dev')
  t.match(dev[0], { type: 'char', device: { major: 1, minor: 3 }, mode: 0o666 })
  t.equal(dev[1]!.type, 'fifo')
})

t.test('a path is followed inside the image, its content is not', async (t) => {
  const fixture = await fixtureStore(t)
  const store = await fixture.open()
  t.same(
    (await list(store, '/latest')).map((file) => file.path),
    ['/etc/evil\u001b[31m', '/etc/motd', '/etc/motd.link'],
  )
  const [alias] = await list(store, '/bin/')
  t.match(alias, { path: '/bin/alias', type: 'symlink', linkTarget: '/etc/motd' })
  t.same(
    (await list(store, '/bin/alias')).map((file) => file.path),
    ['/etc/motd'],
  )
  await t.rejects(list(store, '/etc/old'), { code: 'ERR_PATH_NOT_FOUND' }, 'whited out')
  await t.rejects(list(store, 'etc'), { code: 'ERR_OPTION' })
})

t.test('content comes from the layer that decides it', async (t) => {
  const fixture = await fixtureStore(t)
  const store = await fixture.open()
  t.equal(await text(store, '/etc/motd'), 'good bye\n')
  t.equal(await text(store, '/bin/alias'), 'good bye\n', 'an absolute link stays in the image')
  t.equal(await text(store, '/etc/motd.link'), 'good bye\n')
  await t.rejects(text(store, '/etc'), { code: 'ERR_NOT_A_FILE' })
  await t.rejects(text(store, '/dev/null'), { code: 'ERR_NOT_A_FILE' }, 'never the host’s device')
})

t.test('an image without layers has no files; an abort is heard', async (t) => {
  const fixture = await fixtureStore(t)
  const store = await fixture.open()
  for await (const file of listImageFiles(store, SCRATCH_ID)) t.fail(file.path)
  const reason = new Error('enough')
  const files = listImageFiles(store, 'app', '/', { signal: AbortSignal.abort(reason) })
  await t.rejects(files.next(), reason)
})

t.test('image and path are split at the first :/', async (t) => {
  t.same(splitImagePath('app'), { image: 'app' })
  t.same(splitImagePath('app:1'), { image: 'app:1' })
  t.same(splitImagePath('app:1:/etc/a:/b'), { image: 'app:1', path: '/etc/a:/b' })
  t.same(splitImagePath('reg:5000/x:1:/'), { image: 'reg:5000/x:1', path: '/' })
})
