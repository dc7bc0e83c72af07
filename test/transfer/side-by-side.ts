// Two writers of one store at once: unpacking needs no lock, and what one of them brings or takes meanwhile, the other
// finds when it is its turn. The second writer is a process of its own.

import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import type { DriverName } from '../../src/driver/driver.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { importImage } from '../../src/transfer/import.ts'
import { loadArchive } from '../../src/transfer/load.ts'
import { shale, shaleOk } from '../support/cli.ts'
import { buildImage, dockerArchive25, packed, type BuiltImage } from '../support/image.ts'
import { file, layerTar, whiteout } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const base = layerTar(file('etc/base', 'base\n'), file('gone', 'x'))
const one = buildImage([base, layerTar(file('one', '1\n'))])
const two = buildImage([base, layerTar(whiteout('gone'), file('two', '2\n'))])

function archive(directory: string, image: BuiltImage, tag: string): string {
  const to = path.join(directory, `${tag.replace(':', '-')}.tar`)
  fs.writeFileSync(to, packed(dockerArchive25([{ image, tags: [tag] }])))
  return to
}

/** Each directory belongs to a layer, each layer to an image, and every tar comes out as it went in. */
function isWhole(t: Test, root: string, driver: DriverName, names: readonly string[]): void {
  const layers = path.join(root, `image/${driver}/layerdb`)
  const cacheIDs = fs
    .readdirSync(path.join(layers, 'sha256'))
    .map((chain) => fs.readFileSync(path.join(layers, 'sha256', chain, 'cache-id'), 'utf8'))
  const home = path.join(root, driver === 'vfs' ? 'vfs/dir' : 'overlay2')
  const directories = fs.readdirSync(home).filter((name) => name !== 'l')
  t.same(directories.sort(), cacheIDs.sort())
  t.same(fs.readdirSync(path.join(layers, 'tmp')), [], 'nothing aside')
  const shown = shaleOk(['--root', root, 'images', '--format', '{{.Repository}}:{{.Tag}}'])
  t.same(shown.split('\n').sort(), [...names].sort())
  // save checks the digest of every layer that it gives back.
  const out = path.join(path.dirname(root), 'out.tar')
  shaleOk(['--root', root, 'save', '-o', out, ...names])
}

for (const driver of ['overlay2', 'vfs'] as const) {
  const on = (root: string, ...args: string[]): string =>
    shaleOk(['--root', root, '--driver', driver, '--lock-timeout', '0', ...args])

  /** Loads `input`; `meanwhile` happens when the first layer has been looked at. */
  const loadWith = async (
    t: Test,
    store: Store,
    input: string,
    meanwhile: () => void,
  ): Promise<number> => {
    let isDone = false
    const loaded = await loadArchive(store, input, {
      onProgress: (progress) => {
        if (isDone || progress.kind !== 'layer') return
        isDone = true
        meanwhile()
      },
    })
    t.ok(isDone)
    return loaded[0]!.newLayers
  }

  t.test(`${driver}: another brings the same layers`, async (t) => {
    const dir = temporaryDirectory(t)
    const root = path.join(dir, 'root')
    const store = await openStore(root, { driver })
    const input = archive(dir, one, 'one:1')
    const newLayers = await loadWith(t, store, input, () =>
      on(root, 'load', '-q', '-i', archive(dir, one, 'other:1')),
    )
    t.equal(newLayers, 0, 'which are reused')
    isWhole(t, root, driver, ['one:1', 'other:1'])
    t.equal(on(root, 'cat', 'one:1:/one'), '1')
  })

  t.test(`${driver}: another takes a layer that was to be reused`, async (t) => {
    const dir = temporaryDirectory(t)
    const root = path.join(dir, 'root')
    on(root, 'load', '-q', '-i', archive(dir, one, 'one:1'))
    const store = await openStore(root, { driver })
    const newLayers = await loadWith(t, store, archive(dir, two, 'two:1'), () =>
      on(root, 'rmi', 'one:1'),
    )
    t.equal(newLayers, 2)
    isWhole(t, root, driver, ['two:1'])
    t.equal(on(root, 'cat', 'two:1:/etc/base'), 'base')
    t.not(shale(['--root', root, '--driver', driver, 'cat', 'two:1:/gone']).code, 0)
  })

  t.test(`${driver}: another has work of its own, and sweeps nothing of this`, async (t) => {
    const dir = temporaryDirectory(t)
    const root = path.join(dir, 'root')
    const store = await openStore(root, { driver })
    await loadWith(t, store, archive(dir, two, 'two:1'), () => {
      on(root, 'load', '-q', '-i', archive(dir, one, 'one:1'))
      on(root, 'tag', 'one:1', 'more:1')
      on(root, 'system', 'prune', '-f')
    })
    isWhole(t, root, driver, ['more:1', 'one:1', 'two:1'])
  })

  t.test(`${driver}: an import beside the same import`, async (t) => {
    const dir = temporaryDirectory(t)
    const root = path.join(dir, 'root')
    const tar = path.join(dir, 'base.tar')
    fs.writeFileSync(tar, base)
    const store = await openStore(root, { driver })
    async function* slowly(): AsyncGenerator<Uint8Array> {
      yield base.subarray(0, 512)
      await Promise.resolve()
      on(root, 'import', tar, 'other:1')
      yield base.subarray(512)
    }
    const source = { stream: slowly(), name: '-' }
    await importImage(store, source, { reference: 'mine:1' })
    isWhole(t, root, driver, ['mine:1', 'other:1'])
  })

  t.test(`${driver}: given up while another writes`, async (t) => {
    const dir = temporaryDirectory(t)
    const root = path.join(dir, 'root')
    const store = await openStore(root, { driver })
    const abort = new AbortController()
    const loading = loadArchive(store, archive(dir, two, 'two:1'), {
      signal: abort.signal,
      onProgress: () => {
        if (abort.signal.aborted) return
        on(root, 'load', '-q', '-i', archive(dir, one, 'one:1'))
        abort.abort(new Error('enough'))
      },
    })
    await t.rejects(loading, { message: 'enough' })
    isWhole(t, root, driver, ['one:1'])
  })
}
