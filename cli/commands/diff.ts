// diff: what a container changed, as docker lists it; also between two images, or what one layer changes.

import type { Command } from 'commander'
import type { Store, TreeChange } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { safeText } from '../format/safe-text.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

interface DiffVerbOptions {
  readonly why?: boolean
}

const LETTER: Readonly<Record<TreeChange['kind'], string>> = { add: 'A', modify: 'C', delete: 'D' }

export function declareDiff(program: Command, context: Context): void {
  declareVerb(program, ['diff', 'container diff'], (command) => {
    command
      .summary('show what a container, a layer or an image changes')
      .description(
        'Show what a container changed (A added, C changed, D deleted), what one layer changes of those below it, or what differs between two images. Read from the layers, without a mount.',
      )
      .argument(
        '<container|layer|image>',
        'a container; a layer’s diffID, chainID or cache-id; or an image',
      )
      .argument('[image]', 'with an image: compare that one with this')
      .option('--why', 'what differs: content, mode, owner, mtime, xattrs; finer than docker looks')
      .action((name: string, other: string | undefined, options: DiffVerbOptions) =>
        diff(name, other, options, context),
      )
    examples(command, [
      ['diff web', 'as docker diff'],
      ['diff app:1 app:2', 'from one image to another'],
      ['diff --why 409c56e2d358', 'what one layer does, and in which way'],
    ])
  })
}

async function diff(
  name: string,
  other: string | undefined,
  options: DiffVerbOptions,
  context: Context,
): Promise<void> {
  const { changesBetween, changesOf, changesOfLayer, InvalidArgumentError, NotFoundError } =
    await import('../../src/index.ts')
  const store = await context.openStore()
  const asked = { exact: options.why ?? false, signal: context.signal }
  let changes: TreeChange[]
  if (other !== undefined) {
    changes = await changesBetween(store, { before: name, after: other }, asked)
  } else {
    try {
      changes = await changesOf(store, name, asked)
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error
      try {
        if (!/^(sha256:)?[0-9a-f]{4,64}$/.test(name)) throw error
        changes = await changesOfLayer(store, name, asked)
      } catch (second) {
        if (!(second instanceof NotFoundError) || !isImage(store, name)) throw second
        throw new InvalidArgumentError(
          'ERR_OPTION',
          `cannot tell what image ${name} changes: name the image to compare it with, as in: shale diff ${name} IMAGE`,
        )
      }
    }
  }
  if (context.json) return context.stdout.write(jsonText(changes))
  const lines = changes.map(({ kind, path, reasons }) => {
    const why = reasons === undefined || reasons.length === 0 ? '' : `   (${reasons.join(', ')})`
    return `${LETTER[kind]} ${safeText(path)}${why}\n`
  })
  await context.stdout.write(lines.join(''))
}

function isImage(store: Store, name: string): boolean {
  try {
    store.resolve(name)
    return true
  } catch {
    return false
  }
}
