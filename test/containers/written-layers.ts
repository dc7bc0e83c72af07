// What commit and squash write means one thing to every tool: over generated images and changes the written tars are
// read again, plainly, and held against rules that take no knowledge of how they came to be.

import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { layerTar as reassembled } from '../../src/archive/reassemble.ts'
import { containerOf, layerOf } from '../../src/containers/container-stack.ts'
import {
  commitContainer,
  createContainer,
  DirectoryUpper,
  DiskLayer,
  exportTree,
  lintImage,
  loadArchive,
  openStore,
  removeContainer,
  removeImage,
  squashImage,
  UnionFs,
  type Image,
  type Store,
} from '../../src/index.ts'
import { openImageStack } from '../../src/inspect/image-stack.ts'
import type { BytePath } from '../../src/path/byte-path.ts'
import { readTar } from '../../src/tar/reader.ts'
import { LayerStack } from '../../src/view/stack.ts'
import { fromBytes } from '../support/container.ts'
import { buildImage, dockerArchive25, packed } from '../support/image.ts'
import { dir, file, layerTar, opaque, symlink, whiteout } from '../support/layer.ts'
import type { MemoryLayer } from '../support/memory-layer.ts'
import { layerStacks, linesOf } from '../support/merge-model.ts'
import { collect } from '../support/tars.ts'
import { memoryDirectory } from '../support/temporary.ts'

const OPAQUE = '.wh..wh..opq'

interface Written {
  readonly name: string
  readonly directory: boolean
}

const parentOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('/')))
const lastOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1)
const isBelow = (name: string, directory: string): boolean =>
  directory === '' || name.startsWith(`${directory}/`)

async function membersOf(tar: Buffer): Promise<Written[]> {
  const out: Written[] = []
  for await (const { header } of readTar([tar])) {
    out.push({ name: header.path.replace(/\/$/, ''), directory: header.type === 'directory' })
  }
  return out
}

/** @param below what stands in a directory of the merge beneath, or undefined where there is no such directory */
function ambiguities(
  members: readonly Written[],
  below: (directory: string) => ReadonlyMap<string, boolean> | undefined,
): string[] {
  const wrong: string[] = []
  const isMarker = ({ name }: Written): boolean => lastOf(name).startsWith('.wh.')
  const plain = members.filter((member) => !isMarker(member))
  const opaques = members
    .filter(({ name }) => lastOf(name) === OPAQUE)
    .map(({ name }) => parentOf(name))
  const removed = members
    .filter((member) => isMarker(member) && lastOf(member.name) !== OPAQUE)
    .map(({ name }) => ({ at: parentOf(name), name: lastOf(name).slice('.wh.'.length) }))
  if (new Set(members.map(({ name }) => name)).size < members.length)
    wrong.push('a name comes twice')
  for (const [i, member] of members.entries()) {
    if (!isMarker(member)) continue
    const at = parentOf(member.name)
    const before = members.slice(0, i).filter((other) => !isMarker(other) && other.name !== at)
    if (before.some(({ name }) => isBelow(name, at))) {
      wrong.push(`${member.name} stands behind other entries of its directory`)
    }
  }
  for (const { at, name } of removed) {
    const whole = at === '' ? name : `${at}/${name}`
    if (plain.some((each) => each.name === whole || isBelow(each.name, whole))) {
      wrong.push(`${whole} is removed and made`)
    }
    if (opaques.some((each) => each === at || isBelow(at, each))) {
      wrong.push(`${whole} is removed where nothing shows through`)
    }
  }
  for (const at of opaques) {
    if (at === '') wrong.push('the root is opaque')
    if (opaques.some((each) => each !== at && isBelow(at, each)))
      wrong.push(`${at} is opaque twice`)
    if (!plain.some(({ name }) => name === at)) wrong.push(`${at} is opaque and no entry`)
  }
  for (const at of new Set(removed.map((each) => each.at))) {
    const here = removed.filter((each) => each.at === at).map(({ name }) => name)
    const names = below(at)
    if (at === '' || here.length < 2 || names === undefined) continue
    const isHidden = ([name, directory]: [string, boolean]): boolean => {
      if (here.includes(name)) return true
      const own = plain.find((each) => each.name === `${at}/${name}`)
      if (own === undefined) return false
      return !own.directory || !directory || opaques.includes(own.name)
    }
    if ([...names].every(isHidden))
      wrong.push(`${here.length} removals in ${at}, where one mark would do`)
  }
  return wrong
}

t.test('the rules find what they are for', async (t) => {
  const entry = (name: string): Written => ({
    name: name.replace(/\/$/, ''),
    directory: name.endsWith('/'),
  })
  const names = (...list: string[]): ReadonlyMap<string, boolean> =>
    new Map(list.map((name) => [name.replace(/\/$/, ''), name.endsWith('/')]))
  const found = (...list: string[]): string[] =>
    ambiguities(list.map(entry), (at) => (at === 'd' ? names('x', 'y', 'z/') : undefined))
  t.same(found('.wh.a', 'b', 'd/', 'd/.wh.x', 'd/e'), [])
  t.match(found('b', '.wh.a'), [/behind/])
  t.match(found('.wh.a', 'a/b'), [/removed and made/])
  t.match(found('a/', 'a/.wh..wh..opq', 'a/.wh.b'), [/nothing shows through/])
  t.match(found('a/', 'a/.wh..wh..opq', 'a/b/', 'a/b/.wh..wh..opq'), [/twice/])
  t.match(found('.wh..wh..opq'), [/root/, /no entry/])
  t.match(found('a', 'a'), [/twice/])
  t.match(found('d/', 'd/.wh.x', 'd/.wh.y', 'd/.wh.z'), [/one mark/])
  t.match(found('d/', 'd/.wh.x', 'd/.wh.y', 'd/z'), [/one mark/])
  t.same(found('d/', 'd/.wh.x', 'd/.wh.y', 'd/z/'), [], 'what is below z still shows')
  t.same(found('d/', 'd/.wh.x', 'd/.wh.y'), [])
})

function tarOf(layer: MemoryLayer): Buffer {
  return layerTar(
    ...linesOf(layer).flatMap(([at, entry]) => {
      if (at === '') return []
      if (entry.type === 'whiteout') return [whiteout(at)]
      if (entry.type === 'symlink') return [symlink(at, entry.linkTarget!)]
      if (entry.type !== 'directory') return [file(at, entry.content)]
      return entry.opaque ? [dir(at), opaque(at)] : [dir(at)]
    }),
  )
}

/** What somebody does in a container; paths that are not there, or are no directories, make a change nothing. */
type Step = readonly ['remove' | 'empty' | 'write' | 'make' | 'remake', string]
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.tuple(
    fc.constantFrom('remove', 'empty', 'write', 'make', 'remake'),
    fc
      .array(fc.constantFrom('a', 'b', 'c', 'd.e'), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.join('/')),
  ),
  { minLength: 1, maxLength: 8 },
)

type Files = Pick<typeof fs.promises, 'rm' | 'writeFile' | 'mkdir' | 'readdir'>

async function change(files: Files, root: string, list: readonly Step[]): Promise<void> {
  for (const [what, name] of list) {
    const at = `${root}/${name}`
    try {
      if (what === 'remove' || what === 'remake') await files.rm(at, { recursive: true })
      if (what === 'empty') {
        for (const each of await files.readdir(at))
          await files.rm(`${at}/${each}`, { recursive: true })
      }
      if (what === 'write') await files.writeFile(at, `written to ${name}`)
      if (what === 'make' || what === 'remake') await files.mkdir(at)
    } catch (error) {
      if ((error as { code?: string }).code === undefined) throw error
    }
  }
}

async function changeContainer(store: Store, id: string, list: readonly Step[]): Promise<void> {
  const { mountID, initID } = layerOf(containerOf(store, id))
  const directory = store.driver.layerDirectory(mountID)
  if (store.driver.name === 'vfs') return change(fs.promises, directory, list)
  const { form } = store
  const work = path.join(path.dirname(directory), 'work')
  using below = new LayerStack(await store.driver.stack(initID!), { form })
  const upper = new DirectoryUpper(directory, { form, work })
  await using union = new UnionFs(
    { lowers: below.layers.map((layer) => new DiskLayer(layer)), upper },
    { onClose: () => upper.close() },
  )
  await change(union as unknown as Files, '', list)
}

/** Names, types and contents, without what a runtime puts into every root. */
async function shownBy(store: Store, name: string): Promise<string[]> {
  const out: string[] = []
  for await (const { header, body } of readTar(exportTree(store, name))) {
    const content = (await collect(body)).toString('latin1')
    if (/^(dev|etc|proc|sys)(\/|$)|^\.dockerenv$/.test(header.path)) continue
    out.push(`${header.type} ${header.path} ${header.linkPath}${content}`)
  }
  return out
}

async function checkTop(t: Test, store: Store, image: Image, layers: number): Promise<string[]> {
  const layer = image.layers[layers]
  if (layer === undefined) return []
  const tar = await collect(
    reassembled({
      splitPath: layer.splitPath!,
      directory: store.driver.layerDirectory(layer.cacheID),
      diffID: layer.diffID,
    }),
  )
  using stack = await openImageStack(store, { ...image, layers: image.layers.slice(0, layers) })
  const below = (at: string): ReadonlyMap<string, boolean> | undefined => {
    const list = stack.view.list(at as BytePath)
    return list && new Map(list.map(({ name, directory }) => [name, directory]))
  }
  const { findings } = await lintImage(store, image.id, {
    rules: [
      'whiteout-and-recreate',
      'duplicate-entry',
      'whiteout-in-opaque',
      'odd-whiteout',
      'root-opaque',
    ],
  })
  const own = findings.filter((each) => each.layer === layers + 1)
  t.same(own, [])
  return ambiguities(await membersOf(tar), below)
}

for (const driver of ['overlay2', 'vfs'] as const) {
  t.test(`commit and squash with ${driver}`, async (t) => {
    const root = path.join(memoryDirectory(t), 'root')
    const store = await openStore(root, { sync: false, driver, onWarning: () => {} })
    let marks = 0
    await fc.assert(
      fc.asyncProperty(layerStacks, steps, fc.nat(), async (layers, list, seed) => {
        const image = buildImage([...layers].reverse().map(tarOf))
        await loadArchive(store, fromBytes(packed(dockerArchive25([{ image, tags: ['all:1'] }]))))
        const { id } = await createContainer(store, 'all:1', { command: ['/x'] })
        await changeContainer(store, id, list)
        const { diffID } = await commitContainer(store, id, { reference: 'made:1' })
        t.same(await shownBy(store, 'made:1'), await shownBy(store, id))
        const made = store.image('made:1')
        if (diffID !== undefined) {
          t.same(await checkTop(t, store, made, made.layers.length - 1), [])
        }
        const from = seed % made.layers.length
        await squashImage(store, 'made:1', { from: String(from + 1), reference: 'flat:1' })
        t.same(await shownBy(store, 'flat:1'), await shownBy(store, 'made:1'))
        t.same(await checkTop(t, store, store.image('flat:1'), from), [])
        marks += await marksIn(store, 'flat:1', from)
        await removeContainer(store, id)
        for (const name of ['flat:1', 'made:1', 'all:1'])
          await removeImage(store, name, { force: true })
      }),
      { numRuns: 30 },
    )
    t.ok(marks > 0, 'some of it had something to remove')
  })
}

async function marksIn(store: Store, name: string, index: number): Promise<number> {
  const layer = store.image(name).layers[index]!
  let count = 0
  const source = {
    splitPath: layer.splitPath!,
    directory: store.driver.layerDirectory(layer.cacheID),
  }
  for await (const { header } of readTar(reassembled({ ...source, diffID: layer.diffID }))) {
    if (header.path.includes('.wh.')) count++
  }
  return count
}
