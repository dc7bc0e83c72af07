// From a name to a file, by hand: each small file of the store that leads from repositories.json to a layer's
// directory, printed as it stands. Reads the disk with node:fs alone, as anybody with a shell could.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { inspect } from 'node:util'
import type { LayerRow } from '../../src/index.ts'
import type { Narration } from './narration.ts'

const FILES_MAX = 4
const TEXT_MAX = 400

export interface WalkedImage {
  readonly imageID: string
  /** Absent for an image that the archive does not name. */
  readonly name?: string
  /** Base first. */
  readonly layers: readonly LayerRow[]
}

export async function walkStore(tell: Narration, root: string, image: WalkedImage): Promise<void> {
  const walk = new Walk(tell, root)
  const hex = hexOf(image.imageID)
  const top = image.layers.at(-1)
  if (image.name !== undefined) {
    await walk.cat('image/overlay2/repositories.json')
    await tell.say(`The name ${image.name} stands for an image ID. That is the name of a file:`)
  }
  const config = `image/overlay2/imagedb/content/sha256/${hex}`
  await walk.sha256sum(config)
  await tell.say(
    'and also the digest of what is in it, the image config, which says how to run the image and what its layers are. Its rootfs:',
  )
  const document = JSON.parse(walk.read(config)) as { rootfs: unknown }
  await tell.command(
    `node -p 'JSON.parse(fs.readFileSync("${config}")).rootfs'`,
    inspect(document.rootfs),
  )
  if (top === undefined) return
  await tell.say(
    'Each diffID is the digest of one layer’s tar. A layer is kept under its chainID, the digest of the layer with all that lies below it. The topmost:',
  )
  const facts = path.relative(root, top.layerdb)
  await walk.list(facts)
  for (const name of [
    'diff',
    'size',
    'cache-id',
    ...(top.parent === undefined ? [] : ['parent']),
  ]) {
    await walk.cat(path.join(facts, name))
  }
  if (top.parent !== undefined) {
    await tell.say('Its chainID is made of its parent’s chainID and its own diffID:')
    const text = `${top.parent} ${top.diffID}`
    const digest = createHash('sha256').update(text).digest('hex')
    await tell.command(`printf '%s' '${text}' | sha256sum`, `${digest}  -`)
    await tell.check('the folder has that name', path.basename(facts) === digest)
  }
  await tell.say(
    'Its cache-id, a random name, is the folder with its files. "link" is a short name for it, "lower" the short names of the layers below, nearest first, and "diff" holds the files of this layer alone:',
  )
  const home = `overlay2/${top.cacheID}`
  await walk.list(home)
  await walk.cat(`${home}/link`)
  if (top.parent !== undefined) await walk.cat(`${home}/lower`)
  for (const layer of [...image.layers].reverse()) {
    await tell.say(`Layer ${layer.number}${layer.createdBy ? ` (${layer.createdBy})` : ''}:`)
    await walk.find(`overlay2/${layer.cacheID}/diff`)
  }
}

/** @param file where the removed file would be in the directory of the layer that removes it */
export async function showRemoval(tell: Narration, file: string): Promise<void> {
  const status = fs.lstatSync(file, { throwIfNoEntry: false })
  const what = status?.isCharacterDevice()
    ? 'a character device 0:0 of that name, the kernel’s own sign for "removed"'
    : status
      ? 'an empty file of that name with the extended attribute user.overlay.whiteout, which says "removed" without root'
      : 'a file with .wh. before that name, since this file system takes no extended attributes'
  await tell.say(`In the directory of layer 4 the whiteout is ${what}.`)
}

class Walk {
  private readonly tell: Narration
  private readonly root: string

  constructor(tell: Narration, root: string) {
    this.tell = tell
    this.root = root
  }

  read(file: string): string {
    return fs.readFileSync(path.join(this.root, file), 'utf8')
  }

  async cat(file: string): Promise<void> {
    const text = this.read(file)
    const shown = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}...` : text
    await this.tell.command(`cat ${file}`, shown)
  }

  async sha256sum(file: string): Promise<void> {
    const digest = createHash('sha256').update(fs.readFileSync(path.join(this.root, file)))
    await this.tell.command(`sha256sum ${file}`, `${digest.digest('hex')}  ${file}`)
  }

  async list(dir: string): Promise<void> {
    const names = fs.readdirSync(path.join(this.root, dir)).sort()
    await this.tell.command(`ls ${dir}`, names.join('  '))
  }

  async find(dir: string): Promise<void> {
    const files = leaves(path.join(this.root, dir)).sort().slice(0, FILES_MAX)
    await this.tell.command(
      `(cd ${dir} && find . -not -type d | LC_ALL=C sort | head -n ${FILES_MAX})`,
      files.map((file) => `./${file}`).join('\n'),
    )
  }
}

/** Everything below a directory but directories. */
function leaves(dir: string): string[] {
  return fs.readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return [entry.name]
    return leaves(path.join(dir, entry.name)).map((name) => `${entry.name}/${name}`)
  })
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length)
}
