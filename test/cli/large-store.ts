// No verb reads what it does not need: how often each looks at something below the root is counted in a small store and in
// a larger one that has the same image, and the difference held against what there is more of. Beside other programs the
// larger one has 10,000 layers and 1,000 images; else a tenth of a tenth, since the bounds are per image and per layer.

import { countCalls } from '../support/count-calls.ts'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { shaleInProcess } from '../support/in-process.ts'
import { isInterop } from '../support/host.ts'
import { LARGE, largeStore, nameOf, type LargeStore } from '../support/large-store.ts'
import { memoryDirectory } from '../support/temporary.ts'

t.setTimeout(600_000)
const directory = memoryDirectory(t)
const small = await storeOf('small', LARGE.imagesOfBase)
const large = await storeOf('large', isInterop ? LARGE.images : 20)
const moreImages = large.images.length - small.images.length
const moreLayers = large.layerCount - small.layerCount

const image = nameOf(0)
const [base] = small.images[0]!.diffIDs
const saved = path.join(directory, 'saved.tar')

async function storeOf(name: string, images: number): Promise<LargeStore> {
  const place = path.join(directory, name)
  fs.mkdirSync(place)
  const store = await largeStore(place, { ...LARGE, images })
  await shaleInProcess(['create', '--name', 'kept', nameOf(0)], store)
  return store
}

/** How often `shale ARGS` looks at something below the root. */
async function looks({ root }: LargeStore, args: readonly string[]): Promise<number> {
  return countCalls(root, async () => {
    const done = await shaleInProcess(args, { root })
    if (done.code !== 0) throw new Error(`${args.join(' ')}: ${done.stderr}`)
  })
}

/** How many looks one image more, and one layer more, may cost. */
interface Growth {
  readonly image: number
  readonly layer: number
}

/** The same in every store. */
const NONE: Growth = { image: 0, layer: 0 }
/** A config and a look for facts beside it; the four small files that make a layer. */
const LISTED: Growth = { image: 2, layer: 4 }

async function holds(
  t: Tap,
  args: readonly string[],
  growth: Growth,
  argsOfLarge = args,
): Promise<void> {
  const few = await looks(small, args)
  const many = await looks(large, argsOfLarge)
  t.ok(few >= 3, `the counter sees ${few} looks`)
  const most = growth.image * moreImages + growth.layer * moreLayers
  t.ok(many - few <= most, `${many - few} looks more, of at most ${most}`)
}

type Tap = Pick<typeof t, 'ok'>

const VERBS: readonly (readonly [readonly string[], Growth])[] = [
  [['inspect', image], NONE],
  [['history', image], NONE],
  [['layers', image], NONE],
  [['ls', image], NONE],
  [['save', '-o', saved, image], NONE],
  [['load', '-i', saved], NONE],
  [['tag', image, 'other:1'], NONE],
  [['rmi', 'other:1'], NONE],
  [['create', '--name', 'made', image], NONE],
  [['ps', '-a'], NONE],
  [['ps', '-a', '-s'], NONE],
  [['inspect', 'kept'], NONE],
  [['diff', 'kept'], NONE],
  [['commit', 'kept', 'committed:1'], NONE],
  [['rm', 'made'], NONE],
  [['mount'], NONE],
  [['images'], LISTED],
  [['images', '-q'], LISTED],
  [['why', base!], LISTED],
  [['image', 'prune', '-f'], LISTED],
  // The links that go with what goes are found by where they point.
  [['container', 'prune', '--dry-run'], { image: 2, layer: 5 }],
  // What lies in the store without an owner is searched for by its links and in the folders of facts.
  [['system', 'prune', '--dry-run'], { image: 3, layer: 5 }],
]

for (const [args, growth] of VERBS) {
  const shown = args.map((arg) => path.basename(arg).slice(0, 20)).join(' ')
  t.test(`shale ${shown}`, (t) => holds(t, args, growth))
}

t.test('rmi of an image asks each other image which layers it has, and no layer', async (t) => {
  const lastOf = ({ images }: LargeStore): string[] => ['rmi', nameOf(images.length - 1)]
  await holds(t, lastOf(small), { image: 1, layer: 0 }, lastOf(large))
  const folders = path.join(large.root, 'image/overlay2/layerdb/sha256')
  const expected = large.layerCount - LARGE.ownLayers
  t.equal(fs.readdirSync(folders).length, expected, 'its own layers go, and no other')
})

t.test('what is pruned is all but what stays in use', async (t) => {
  await shaleInProcess(['image', 'prune', '-a', '-f'], large)
  const folders = path.join(large.root, 'image/overlay2/layerdb/sha256')
  t.equal(fs.readdirSync(folders).length, LARGE.baseLayers + LARGE.ownLayers)
  t.match((await shaleInProcess(['ps', '-a'], large)).stdout, /app-0:v1/)
})
