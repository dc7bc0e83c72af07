// chainid: from diffIDs to chainIDs, the arithmetic alone, for pipes and for lessons. Needs no store.

import type { Command } from 'commander'
import type { ChainID, DiffID } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { LineWriter, jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

interface ChainIDOptions {
  readonly all?: boolean
  readonly explain?: boolean
}

/** Far more than the 128 layers that any store takes; what stops is a file given by mistake. */
const INPUT_CHARS_MAX = 1 << 20

export function declareChainid(program: Command, context: Context): void {
  declareVerb(program, ['chainid'], (command) => {
    command
      .summary('compute chainIDs from diffIDs')
      .description(
        'Print the chainID of a stack of layers, base first: the name of its top layer in layerdb.',
      )
      .argument('[diffID...]', 'base first; read from standard input when there are none')
      .option('-a, --all', 'the chainID of each layer, not only of the last')
      .option('--explain', 'show what is hashed at each step')
      .action((texts: string[], options: ChainIDOptions) => printChainIDs(texts, options, context))
    examples(command, [
      ['inspect -f \'{{join .RootFS.Layers "\\n"}}\' IMAGE | shale chainid --all', 'of an image'],
      ['chainid --explain sha256:4887... sha256:b4a2...', 'step by step'],
    ])
  })
}

async function printChainIDs(
  texts: readonly string[],
  options: ChainIDOptions,
  context: Context,
): Promise<void> {
  const { chainIDs, parseDiffID, InvalidArgumentError } = await import('../../src/index.ts')
  const words = texts.length > 0 ? texts : await wordsOfInput(context)
  if (words.length === 0) {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      'cannot compute a chainID: there are no diffIDs, neither as arguments nor on standard input',
    )
  }
  // Lists are often pasted as bare hex digits.
  const diffIDs = words.map((word) =>
    parseDiffID(/^[0-9a-f]{64}$/.test(word) ? `sha256:${word}` : word),
  )
  const chain = chainIDs(diffIDs)
  if (context.json) {
    await context.stdout.write(
      jsonText(diffIDs.map((diffID, i) => ({ number: i + 1, diffID, chainID: chain[i] }))),
    )
    return
  }
  const out = new LineWriter(context.stdout, context.signal)
  if (options.explain) {
    for (const [i, diffID] of diffIDs.entries()) await out.line(step(i, diffID, chain))
  } else {
    for (const id of options.all ? chain : chain.slice(-1)) await out.line(id)
  }
  await out.flush()
}

function step(index: number, diffID: DiffID, chain: readonly ChainID[]): string {
  const result = chain[index]!
  if (index === 0) {
    return `layer 1: the base layer's chainID is its diffID\n  chainID = ${result}`
  }
  return [
    `layer ${index + 1}: sha256 over the chainID below, a space, and the diffID`,
    `  sha256("${chain[index - 1]!} ${diffID}")`,
    `  chainID = ${result}`,
  ].join('\n')
}

async function wordsOfInput(context: Context): Promise<string[]> {
  const { InvalidArgumentError } = await import('../../src/index.ts')
  if (context.stdin.isTTY) {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      'cannot compute a chainID: give diffIDs, base first, or pipe them in',
    )
  }
  let text = ''
  const { stdin } = context
  await context.log('debug', 'reading diffIDs from standard input')
  for await (const chunk of stdin) {
    text += String(chunk)
    if (text.length > INPUT_CHARS_MAX) {
      throw new InvalidArgumentError(
        'ERR_OPTION',
        'cannot compute a chainID: standard input is no list of diffIDs, it goes on for over a MiB',
      )
    }
  }
  return text.split(/\s+/).filter((word) => word !== '')
}
