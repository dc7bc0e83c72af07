// The main job from end to end, told as it happens: an image in, seen, followed to its files, mounted, checked, and out
// again byte for byte. Knows the order of things; each thing is done by the library or by the file named after it.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {
  layerTable,
  loadArchive,
  mountImage,
  openStore,
  saveArchive,
  unmountImage,
  type LayerRow,
  type Store,
} from '../../src/index.ts'
import { writeOutputFile } from '../output-file.ts'
import type { Sink } from '../output.ts'
import { humanSize } from '../format/units.ts'
import { progressOn } from '../progress.ts'
import { builtInImage, type BuiltInImage } from './built-in.ts'
import { layerHashes } from './layer-proof.ts'
import { Narration, shortened } from './narration.ts'
import { packImage } from './pack-image.ts'
import { checkSightings, sightingsOf } from './sightings.ts'
import { showRemoval, walkStore } from './walk.ts'

export interface DemoOptions {
  /** The archive to show; default: one is made of what is at hand. */
  readonly archive?: string
  /** The store; must be missing or empty. Default: one in the folder of the demo. */
  readonly root?: string
  readonly stdout: Sink
  readonly stderr: Sink
  readonly color: boolean
  readonly signal: AbortSignal
}

interface Loaded {
  readonly imageID: string
  readonly name?: string
  readonly layers: readonly LayerRow[]
}

const REFERENCE = 'shale-demo:latest'

/** dist/cli/demo/demo.js -> the folder of package.json */
const PROJECT = path.resolve(import.meta.dirname, '..', '..', '..')

/** What the demo made stays for the reader to look at; after a failure nothing does. */
export async function demo(options: DemoOptions): Promise<void> {
  const startedAt = Date.now()
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-demo-'))
  try {
    await new Demo(options, folder).run(startedAt)
  } catch (error) {
    fs.rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

class Demo {
  private readonly options: DemoOptions
  private readonly folder: string
  private readonly root: string
  private readonly tell: Narration

  constructor(options: DemoOptions, folder: string) {
    this.options = options
    this.folder = folder
    this.root = path.resolve(options.root ?? path.join(folder, 'store'))
    this.tell = new Narration(options.stdout, { color: options.color })
  }

  async run(startedAt: number): Promise<void> {
    const { tell } = this
    await tell.say(
      'shale keeps container images on disk exactly as Docker does. This demo takes one through its whole life in a store of its own; it changes nothing else on this machine.',
    )
    const builtIn = this.options.archive === undefined ? builtInImage(PROJECT) : undefined
    const archive = this.options.archive ?? path.join(this.folder, 'image.tar')
    if (builtIn) await this.pack(builtIn, archive)
    const store = await openStore(this.root)
    const image = await this.load(store, archive)
    await this.showLayers(image)
    await tell.heading('From the name to the files, by hand')
    await tell.say(`In ${this.root}:`)
    await walkStore(tell, this.root, image)
    await this.mount(store, image, builtIn)
    const saved = await this.save(store, image, archive)
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
    await this.farewell(image, saved, seconds)
  }

  private async pack(builtIn: BuiltInImage, archive: string): Promise<void> {
    const { tell } = this
    await tell.heading('An image of what is at hand')
    await tell.say(
      'No archive was named, so here is one made of this machine’s own files, as docker save would shape it:',
    )
    const layers = await packImage({
      reference: REFERENCE,
      layers: builtIn.layers,
      file: archive,
      command: builtIn.command,
      workingDirectory: '/',
      signal: this.options.signal,
    })
    await tell.table([
      ['LAYER', 'ENTRIES', 'TAR', 'WHAT'],
      ...layers.map((layer, index) => [
        String(index + 1),
        String(layer.entries),
        humanSize(layer.tarBytes),
        layer.createdBy,
      ]),
    ])
  }

  private async load(store: Store, archive: string): Promise<Loaded> {
    const { tell } = this
    await tell.heading('Load')
    const startedAt = Date.now()
    const progress = progressOn(this.options.stderr, { quiet: !this.options.stderr.isTerminal })
    const [first, ...others] = await loadArchive(store, archive, {
      signal: this.options.signal,
      onProgress: progress.update,
    }).finally(() => progress.finish())
    const { imageID, names } = first!
    const name = names[0]
    await tell.command(
      `shale load -i ${archive}`,
      name === undefined ? `Loaded image ID: ${imageID}` : `Loaded image: ${name}`,
    )
    if (others.length > 0) {
      await tell.say(`The archive holds ${others.length} more; this one is followed from here.`)
    }
    const layers = await layerTable(store, imageID)
    const tarBytes = layers.reduce((sum, layer) => sum + (layer.tarBytes ?? 0), 0)
    await tell.say(
      `${humanSize(tarBytes)} of layers in ${((Date.now() - startedAt) / 1000).toFixed(1)} s: each was read once, hashed, held against the digest that the image config names, and unpacked.`,
    )
    if (store.form !== 'trusted') {
      await tell.say(
        'Without root, owners and devices cannot be set on disk: they are kept beside the files (extended attributes, tar-split), and the same bytes come out again.',
      )
    }
    return { imageID, ...(name === undefined ? {} : { name }), layers }
  }

  private async showLayers(image: Loaded): Promise<void> {
    const { tell } = this
    await tell.heading('The layers')
    const short = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12)
    await tell.table([
      ['LAYER', 'DIFF ID', 'CHAIN ID', 'CACHE ID', 'SIZE', 'ENTRIES', 'CREATED BY'],
      ...image.layers.map((layer) => [
        String(layer.number),
        short(layer.diffID),
        short(layer.chainID),
        short(layer.cacheID),
        humanSize(layer.sizeBytes),
        String(layer.entries ?? ''),
        shortened(layer.createdBy ?? '', 36),
      ]),
    ])
    await tell.say(
      'Three names for one layer: what its tar is (diffID), what it stands on (chainID; the same as the diffID at the base), and where its files are (cache-id, by chance).',
    )
  }

  private async mount(
    store: Store,
    image: Loaded,
    builtIn: BuiltInImage | undefined,
  ): Promise<void> {
    const { tell } = this
    await tell.heading('The merge')
    if (image.layers.length === 0) {
      await tell.say('This image has no layers, so there is nothing to merge.')
      return
    }
    const merged = path.join(this.folder, 'merged')
    fs.mkdirSync(merged)
    const shown = await mountImage(store, image.imageID, merged, { signal: this.options.signal })
    try {
      await tell.say(
        shown.view === 'kernel'
          ? `The kernel’s overlay shows the layers as one tree, read-only, on ${merged}:`
          : shown.view === 'fuse'
            ? `No kernel mount here (${shown.reason}), so a FUSE server shows the layers as one tree on ${merged}:`
            : `No kernel mount here (${shown.reason}), so the merge was written out as plain files into ${merged}:`,
      )
      await tell.command(`ls ${merged}`, fs.readdirSync(merged).sort().join('  '))
      const sightings =
        builtIn?.sightings ?? (await sightingsOf(store, image.imageID, image.layers))
      await tell.say('A file of each layer, through the merge:')
      await checkSightings(tell, merged, sightings)
      const hidden = image.layers.filter(
        ({ number }) => !sightings.some((sighting) => sighting.layer === number),
      )
      for (const { number } of hidden) {
        await tell.say(`Layer ${number} shows no file: it has none, or the layers above hide them.`)
      }
      if (builtIn) await this.checkRemovals(merged, image, builtIn)
    } finally {
      await unmountImage(store, merged)
      fs.rmdirSync(merged)
    }
    await tell.say('Unmounted again; nothing is left behind.')
  }

  private async checkRemovals(
    merged: string,
    image: Loaded,
    { removed }: BuiltInImage,
  ): Promise<void> {
    const { tell } = this
    await tell.say(
      'And what layer 4 removed is not to be seen, though the layers below still have it:',
    )
    for (const { path: file, layer, how } of removed) {
      const below = fs.existsSync(path.join(image.layers[layer - 1]!.directory, file))
      const seen = fs.existsSync(path.join(merged, file))
      await tell.check(`/${file} of layer ${layer} is hidden by ${how}`, below && !seen)
    }
    const whiteout = path.join(image.layers.at(-1)!.directory, removed[0]!.path)
    await showRemoval(tell, whiteout)
  }

  private async save(store: Store, image: Loaded, archive: string): Promise<string> {
    const { tell } = this
    const { signal } = this.options
    await tell.heading('Out again, byte for byte')
    const saved = path.join(this.folder, 'saved.tar')
    const name = image.name ?? image.imageID
    await writeOutputFile(saved, await saveArchive(store, [name], { signal }), signal)
    await tell.command(`shale save -o ${saved} ${name}`, '')
    await tell.say(
      'The layers’ tars were put together from the files and from tar-split.json.gz, which keeps what files do not. Another program (node-tar, and Node’s own SHA-256) reads both archives:',
    )
    const before = await layerHashes(archive, image.imageID)
    const after = (await layerHashes(saved, image.imageID)) ?? []
    await tell.table([
      ['LAYER', ...(before ? ['IN THE ARCHIVE'] : []), 'DIFF ID', 'AS SAVED'],
      ...image.layers.map((layer, index) => [
        String(layer.number),
        ...(before ? [shortened(before[index] ?? '(missing)', 23)] : []),
        shortened(layer.diffID.slice('sha256:'.length), 23),
        shortened(after[index] ?? '(missing)', 23),
      ]),
    ])
    const diffIDs = image.layers.map(({ diffID }) => diffID.slice('sha256:'.length))
    const same = diffIDs.length === after.length && diffIDs.every((hex, i) => hex === after[i])
    await tell.check('each saved layer has exactly the bytes that its diffID stands for', same)
    if (before?.every((hex, index) => hex === diffIDs[index]) === true) {
      await tell.check('and those are the bytes that the archive had', true)
    } else {
      await tell.say(
        'The archive holds its layers compressed or in another layout, so that there the diffIDs of its own config are what is compared with.',
      )
    }
    return saved
  }

  private async farewell(image: Loaded, saved: string, seconds: string): Promise<void> {
    const { tell } = this
    const main = path.relative(process.cwd(), path.join(PROJECT, 'dist/bin/main.js'))
    const name = image.name ?? image.imageID.slice('sha256:'.length, 'sha256:'.length + 12)
    await tell.heading(`Done in ${seconds} s. What to try next`)
    await tell.line(`  alias shale='node ${main} --root ${this.root}'`)
    for (const verb of ['images', `layers --paths ${name}`, `ls -l ${name}:/`, `history ${name}`]) {
      await tell.line(`  shale ${verb}`)
    }
    await tell.line('  shale --help')
    await tell.line(`  docker load -i ${saved}`)
    if (this.options.archive === undefined) {
      await tell.line('  npm run demo -- IMAGE.tar      (of your own: docker save, skopeo, podman)')
    }
    await tell.line('')
    await tell.line('What the demo made is kept for that. To remove it:')
    const rm = [this.folder, ...(this.options.root === undefined ? [] : [this.root])]
    await tell.line(`  rm -rf ${rm.join(' ')}`)
  }
}
