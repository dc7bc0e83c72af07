import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { openStore } from '../../src/index.ts'
import { storeInfo } from '../../src/inspect/store-info.ts'
import { fixtureStore } from '../support/store-fixture.ts'
import { isRoot } from '../support/host.ts'

t.test('counts, and answers found by trying', async (t) => {
  const fixture = await fixtureStore(t)
  const before = fs.readdirSync(fixture.root).sort()
  const info = await storeInfo(await fixture.open())
  t.match(info, { root: fixture.root, exists: true, driver: 'overlay2' })
  t.equal(info.images, 5)
  t.equal(info.names, 6)
  t.equal(info.layers, 3)
  t.not(info.backingFilesystem, '')
  t.equal(info.probes?.supportsDirectoryTypes, true)
  t.equal(info.probes?.overlay?.userxattr, info.form !== 'trusted')
  t.same(fs.readdirSync(fixture.root).sort(), before, 'probes leave nothing behind')
  t.same(
    fs.readdirSync(path.join(fixture.root, 'shale')).filter((name) => /probe/.test(name)),
    [],
  )
})

t.test('containers are counted', async (t) => {
  const fixture = await fixtureStore(t)
  const dir = path.join(fixture.root, 'containers', 'c'.repeat(64))
  fs.mkdirSync(dir, { recursive: true })
  fs.writeFileSync(path.join(dir, 'config.v2.json'), '{"State":{"Running":true}}')
  const info = await storeInfo(await fixture.open())
  t.same(info.containers, { total: 1, running: 1 })
})

t.test('a root that is not there', async (t) => {
  const root = path.join(t.testdir(), 'a', 'b')
  const info = await storeInfo(await openStore(root))
  t.match(info, {
    exists: false,
    images: 0,
    layers: 0,
    probesReason: 'the root does not exist yet',
  })
  t.not(info.backingFilesystem, '', 'of the nearest folder that is there')
  t.notOk(fs.existsSync(path.dirname(root)), 'asking makes nothing')
})

const skip = isRoot ? 'root may write anywhere' : false
t.test('a root that this user cannot write is not probed', { skip }, async (t) => {
  const fixture = await fixtureStore(t)
  fs.chmodSync(path.join(fixture.root, 'shale'), 0o500)
  t.teardown(() => {
    fs.chmodSync(path.join(fixture.root, 'shale'), 0o700)
  })
  const info = await storeInfo(await fixture.open())
  t.equal(info.probes, undefined)
  t.match(info.probesReason, 'not writable')
})
