// The shapes as files: what the repository ships is what `--out` writes, and what it writes can be loaded.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { SHAPES } from '../../src/conform/shapes.ts'
import { shapeName } from '../../src/conform/shape-image.ts'
import { shapeDocuments, shipShapes } from '../../src/conform/ship-shapes.ts'
import { openArchive } from '../../src/transfer/open-archive.ts'
import { PROJECT } from '../support/cli.ts'
import { has } from '../support/host.ts'
import { listWithTar } from '../support/tar-list.ts'
import { temporaryDirectory } from '../support/temporary.ts'

t.test('fixtures/layers is up to date', async (t) => {
  for (const [name, text] of shapeDocuments()) {
    const file = path.join(PROJECT, 'fixtures/layers', name)
    t.equal(fs.readFileSync(file, 'utf8'), text, `${name}: shale conform --out makes it anew`)
  }
})

t.test('sixteen are decided, and each points at the spec', async (t) => {
  t.equal(SHAPES.filter((shape) => shape.decided).length, 16)
  t.equal(new Set(SHAPES.map((shape) => shape.id)).size, SHAPES.length)
  for (const [i, shape] of SHAPES.entries()) {
    t.equal(shape.number, i + 1)
    t.match(shape.rule, /^https:\/\/github\.com\/opencontainers\/image-spec\/.*#[a-z-]+$/)
  }
})

t.test('writes the same bytes twice, and into empty directories only', async (t) => {
  const dir = temporaryDirectory(t)
  const [a, b] = [path.join(dir, 'a'), path.join(dir, 'b')]
  t.equal(shipShapes(a), SHAPES.length)
  shipShapes(b)
  const names = fs.readdirSync(a, { recursive: true, encoding: 'utf8' }).sort()
  t.same(fs.readdirSync(b, { recursive: true, encoding: 'utf8' }).sort(), names)
  for (const name of names) {
    if (fs.statSync(path.join(a, name)).isDirectory()) continue
    const equal = fs.readFileSync(path.join(a, name)).equals(fs.readFileSync(path.join(b, name)))
    if (!equal) t.fail(name)
  }
  t.throws(() => shipShapes(a), { code: 'ERR_DESTINATION_EXISTS' })
})

t.test('both layouts hold the same layers, with the entries in their order', async (t) => {
  const dir = temporaryDirectory(t)
  const out = path.join(dir, 'out')
  shipShapes(out)
  for (const shape of SHAPES) {
    const name = shapeName(shape)
    const open = (file: string) => openArchive(path.join(out, file), { spoolDirectory: dir })
    const archive = await open(`docker-archive/${name}.tar`)
    const layout = await open(`oci-layout/${name}`)
    t.same(archive.images[0]!.references, [`shape-${name}:latest`])
    t.equal(archive.images[0]!.imageID, layout.images[0]!.imageID, shape.id)
    const digests = layout.images[0]!.layers.map((layer) => layer.digest)
    t.same(
      archive.images[0]!.layers.map((layer) => layer.diffID),
      digests,
    )
    if (!has('tar')) continue
    for (const [i, layer] of layout.images[0]!.layers.entries()) {
      t.same(
        listWithTar(layer.blob.file),
        shape.layers[i]!.map((entry) => entry.path),
        `${shape.id}, layer ${i + 1}`,
      )
    }
  }
})
