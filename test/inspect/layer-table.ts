import fs from 'node:fs'
import t from 'tap'
import { layerTable } from '../../src/inspect/layer-table.ts'
import { chainIDs } from '../../src/digest/chain-id.ts'
import { BASE_TAR, IMAGES, SCRATCH_ID, TOP_TAR, fixtureStore } from '../support/store-fixture.ts'

t.test('each layer under all of its names, base first', async (t) => {
  const fixture = await fixtureStore(t)
  const rows = await layerTable(await fixture.open(), 'app')
  t.same(
    rows.map((row) => row.number),
    [1, 2],
  )
  t.same(
    rows.map((row) => row.diffID),
    IMAGES.app.diffIDs,
  )
  t.same(
    rows.map((row) => row.chainID),
    chainIDs(IMAGES.app.diffIDs),
  )
  t.same(
    rows.map((row) => row.tarBytes),
    [BASE_TAR.length, TOP_TAR.length],
    'the tar’s size is told by tar-split alone',
  )
  t.same(
    rows.map((row) => row.entries),
    [6, 9],
  )
  t.equal(rows[1]!.parent, rows[0]!.chainID)
  t.equal(rows[1]!.createdBy, 'RUN change & <things>')
  for (const row of rows) {
    t.ok(fs.statSync(row.directory).isDirectory())
    t.equal(fs.readFileSync(`${row.layerdb}/cache-id`, 'utf8'), row.cacheID)
    t.ok(row.directory.includes(row.cacheID))
  }
})

t.test('a layer without tar-split is told without counts; a damaged one is named', async (t) => {
  const fixture = await fixtureStore(t)
  const split = (await layerTable(await fixture.open(), 'base:1'))[0]!.tarSplit!
  const bytes = fs.readFileSync(split)
  fs.writeFileSync(split, bytes.subarray(0, bytes.length >> 1))
  await t.rejects(layerTable(await fixture.open(), 'base:1'), {
    code: 'ERR_SPLIT_CORRUPT',
    message: new RegExp(split),
  })
  fs.rmSync(split)
  const [row] = await layerTable(await fixture.open(), 'base:1')
  t.equal(row!.entries, undefined)
  t.equal(row!.tarBytes, undefined)
})

t.test('no layers, no rows; an abort is heard', async (t) => {
  const fixture = await fixtureStore(t)
  const store = await fixture.open()
  t.same(await layerTable(store, SCRATCH_ID), [])
  const reason = new Error('enough')
  await t.rejects(layerTable(store, 'app', { signal: AbortSignal.abort(reason) }), reason)
})
