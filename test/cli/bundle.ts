// `shale bundle` as its user sees it; what is in a bundle is test/containers/bundle.ts's.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { containerFixture } from '../support/container.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { file, layerTar } from '../support/layer.ts'

t.test('silent where it did what was asked', async (t) => {
  const { directory, root } = await containerFixture(t, [layerTar(file('f', 'x'))])
  const out = path.join(directory, 'out')
  const done = await shaleInProcess(['bundle', '--copy', 'box', out], { root })
  t.same([done.code, done.stdout, done.stderr], [0, '', ''])
  t.equal(fs.readFileSync(path.join(out, 'rootfs/f'), 'utf8'), 'x')
  const again = await shaleInProcess(['container', 'bundle', 'base:1', out], { root })
  t.equal(again.code, 1)
  t.match(again.stderr, /is there already, and is no empty directory/)
  const second = path.join(directory, 'second')
  const record = await shaleInProcess(['--json', 'bundle', '--copy', 'base:1', second], { root })
  t.same(JSON.parse(record.stdout), { directory: second, rootfs: 'copy' })
})
