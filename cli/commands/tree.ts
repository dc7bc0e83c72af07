// tree: images over the layers that they share. A layer stands on the one above it; the tree branches where images part,
// so that a chain of a hundred layers is a column and not a staircase.

import type { Command } from 'commander'
import type { ImageTree, TreeImage, TreeLayer } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { safeText } from '../format/safe-text.ts'
import { humanSize } from '../format/units.ts'
import { LineWriter, jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

interface TreeOptions {
  readonly trunc: boolean
  readonly ascii?: boolean
}

export function declareTree(program: Command, context: Context): void {
  declareVerb(program, ['tree', 'image tree'], (command) => {
    command
      .summary('show images as a tree over shared layers')
      .description(
        'Show images as a tree over the layers that they share, base first. Each line is a layer with its own size; an image stands at its top layer with the size of all of its layers.',
      )
      .argument('[image...]', 'only these; default all')
      .option('--no-trunc', 'whole chainIDs and image IDs')
      .option('--ascii', 'no line drawing characters (as where the locale is not UTF-8)')
      .action((names: string[], options: TreeOptions) => printTree(names, options, context))
    examples(command, [
      ['tree', 'everything'],
      ['tree app:1 app:2', 'what two images share'],
    ])
  })
}

async function printTree(
  names: readonly string[],
  options: TreeOptions,
  context: Context,
): Promise<void> {
  const { imageTree } = await import('../library/images.ts')
  const store = await context.openStore()
  const tree = await imageTree(store, names)
  if (context.json) {
    await context.stdout.write(jsonText(tree))
    return
  }
  const lines = options.ascii === true || !isUTF8(context.env) ? ASCII : UNICODE
  const drawing = new Drawing(lines, options.trunc)
  const out = new LineWriter(context.stdout, context.signal)
  for (const line of drawing.lines(tree)) await out.line(line)
  await out.flush()
}

/** As setlocale(3) decides: the first of these that is set. */
export function isUTF8(env: NodeJS.ProcessEnv): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || ''
  return /utf-?8/i.test(locale)
}

interface LineSet {
  readonly branch: string
  readonly last: string
  readonly bar: string
}

const UNICODE: LineSet = { branch: '├─ ', last: '└─ ', bar: '│  ' }
const ASCII: LineSet = { branch: '|- ', last: '`- ', bar: '|  ' }
const SPACE = '   '

class Drawing {
  private readonly set: LineSet
  private readonly trunc: boolean

  constructor(set: LineSet, trunc: boolean) {
    this.set = set
    this.trunc = trunc
  }

  *lines(tree: ImageTree): Generator<string> {
    yield `${safeText(tree.root)}  ${tree.driver}  ${humanSize(tree.sizeBytes)}`
    const branches = tree.bases.length + tree.scratch.length
    for (const [i, base] of tree.bases.entries()) yield* this.run(base, '', i === branches - 1)
    for (const [i, image] of tree.scratch.entries()) {
      const isLast = tree.bases.length + i === branches - 1
      yield `${isLast ? this.set.last : this.set.branch}(no layers)  ${this.imageText(image)}`
    }
  }

  /** The layers up to the next branching, one below the other, then what branches there. */
  private *run(first: TreeLayer, indent: string, isLast: boolean): Generator<string> {
    const deeper = indent + (isLast ? SPACE : this.set.bar)
    yield indent + (isLast ? this.set.last : this.set.branch) + this.layerText(first)
    let layer = first
    while (layer.children.length === 1) {
      layer = layer.children[0]!
      yield deeper + this.layerText(layer)
    }
    for (const [i, child] of layer.children.entries()) {
      yield* this.run(child, deeper, i === layer.children.length - 1)
    }
  }

  private layerText(layer: TreeLayer): string {
    const id = this.trunc ? layer.chainID.slice(7, 19) : layer.chainID
    const size = humanSize(layer.sizeBytes).padStart(6)
    const images = layer.images.map((image) => `  ${this.imageText(image)}`)
    return `${id}  ${size}${images.join('')}`
  }

  private imageText(image: TreeImage): string {
    const names = image.names.length > 0 ? image.names.join(', ') : '<none>'
    const id = this.trunc ? image.id.slice(7, 19) : image.id
    return `${safeText(names)} (${id}, ${humanSize(image.sizeBytes)})`
  }
}
