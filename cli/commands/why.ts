// why: who owns this directory, link, ID or file. Opens the root that a path lies in, wherever --root points.

import fs from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import type { Store, WhyAnswer, WhyContainer, WhyImage, WhySight } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { PartialFailure } from '../exit-code.ts'
import { safeText } from '../format/safe-text.ts'
import { humanSize } from '../format/units.ts'
import { ellipsis } from '../format/width.ts'
import { jsonText } from '../output.ts'
import { reportError } from '../report.ts'
import { declareVerb, examples } from '../verb.ts'

export function declareWhy(program: Command, context: Context): void {
  declareVerb(program, ['why', 'system why'], (command) => {
    command
      .summary('say who owns a directory, an ID or a file of the store')
      .description(
        'Say which layer, images, tags and containers own a directory of overlay2, a cache-id, chainID, diffID, imageID, link name, mount-id, or any file below them, and whether each image still sees that file. Reads only, also in the root of a running dockerd: the root is found from the path.',
      )
      .argument('<path-or-id...>', 'a path, an ID or the start of one, a link name, or a name')
      .action((texts: string[]) => explain(texts, context))
    examples(command, [
      ['why /var/lib/docker/overlay2/3fa0938c0b56*/diff/usr/bin/curl', 'from a file to its images'],
      ['why l/VCF3JQTXSLCJ3U5SCGEFT4YNQE', 'from a mount line'],
      ['why 3fa0938c0b56', 'any ID, or its start'],
    ])
  })
}

async function explain(texts: readonly string[], context: Context): Promise<void> {
  const answers: WhyAnswer[] = []
  const errors: unknown[] = []
  for (const text of texts) {
    try {
      const { why } = await import('../../src/index.ts')
      const found = await why(await storeOf(text, context), text)
      if (!context.json) await context.stdout.write(textsOf(found, answers.length === 0))
      answers.push(...found)
    } catch (error) {
      if (!context.isFailureOfOne(error)) throw error
      await reportError(error, context)
      errors.push(error)
    }
  }
  if (context.json) await context.stdout.write(jsonText(answers))
  if (errors.length > 0) throw new PartialFailure({ doneCount: answers.length, errors })
}

async function storeOf(text: string, context: Context): Promise<Store> {
  const { findStoreRoot, openStore } = await import('../../src/index.ts')
  const given = await context.root()
  const file = path.resolve(text)
  // `cd overlay2; shale why *` gives names that are there.
  const isPath = text.includes('/') || fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined
  const root = isPath ? findStoreRoot(file)?.root : undefined
  if (root === undefined || root === path.resolve(given)) return context.openStore()
  await context.log('debug', `${safeText(text)} lies in ${safeText(root)}`)
  return openStore(root, { onWarning: context.onWarning })
}

function textsOf(answers: readonly WhyAnswer[], isFirst: boolean): string {
  return answers
    .map((answer, index) => (isFirst && index === 0 ? '' : '\n') + textOf(answer))
    .join('')
}

function textOf(answer: WhyAnswer): string {
  return linesOf(answer)
    .map((line) => `${safeText(line)}\n`)
    .join('')
}

function linesOf(answer: WhyAnswer): string[] {
  switch (answer.kind) {
    case 'layer':
      return [...layerLines(answer), ...containerLines(answer), ...fileLines(answer)]
    case 'image':
      return [
        `${subject(answer)} is of image ${imageText(answer.images[0]!)}, ${counted(answer.images[0]!.layers, 'layer')}`,
        ...containerLines(answer),
      ]
    case 'container':
      return [...ownedLines(answer), ...fileLines(answer)]
    case 'volume':
      return [
        `${subject(answer)} is of volume ${answer.volume ?? ''}`,
        ...(answer.containers.length === 0
          ? ['  no container has it; shale volume rm removes it']
          : containerLines(answer)),
      ]
    case 'leak':
      return [
        `${subject(answer)} belongs to nothing: ${answer.leak!.reason}`,
        ...(answer.layer === undefined ? [] : idLines(answer)),
        '  shale system prune gives it back',
      ]
    case 'build-cache':
    case 'store':
      return [`${answer.as}: ${answer.note ?? ''}`]
  }
}

/** `chainID sha256:...`; a path speaks for itself. */
function subject({ as, query }: WhyAnswer): string {
  return as.includes('/') || as === 'the root' || as === query ? as : `${as} ${query}`
}

function layerLines(answer: WhyAnswer): string[] {
  const [image, ...others] = answer.images
  const named = others.filter(({ names }) => names.length > 0)
  const unnamed = others.length - named.length
  const first =
    image === undefined
      ? `${subject(answer)} is a layer that no image has`
      : `${subject(answer)} is layer ${image.layer} of ${image.layers} of image ${imageText(image)}`
  const createdBy = image?.createdBy ?? ''
  return [
    first,
    ...(createdBy === '' ? [] : [`  created by  ${ellipsis(createdBy, 200)}`]),
    ...idLines(answer),
    ...named.map(
      (other) => `  also layer ${other.layer} of ${other.layers} of image ${imageText(other)}`,
    ),
    // A build leaves one for each of its steps; --json names them.
    ...(unnamed === 0 ? [] : [`  also a part of ${counted(unnamed, 'image')} without a name`]),
  ]
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function idLines({ layer }: WhyAnswer): string[] {
  if (layer === undefined) return []
  return [
    `  diffID      ${layer.diffID}`,
    `  chainID     ${layer.chainID}`,
    `  cache-id    ${layer.cacheID}`,
    `  size        ${humanSize(layer.sizeBytes, 4)}`,
  ]
}

function imageText({ id, names }: WhyImage): string {
  const [name = '<none>', ...more] = names
  const others = more.length === 0 ? '' : `, also called ${more.join(', ')}`
  return `${name} (${id}${others})`
}

const RELATIONS: Readonly<Record<WhyContainer['relation'], string>> = {
  owns: 'belongs to',
  uses: 'used by',
  'stands on': 'used by',
}

function containerLines({ containers }: WhyAnswer): string[] {
  return containers.map(
    (container) => `  ${RELATIONS[container.relation]} container ${containerText(container)}`,
  )
}

function containerText({ id, name, status }: WhyContainer): string {
  if (status === undefined) return `${id} (its facts are lost)`
  return `${name} (${id}, ${status})`
}

function ownedLines(answer: WhyAnswer): string[] {
  const [container] = answer.containers
  const [image] = answer.images
  const role = /-init(\/|$)/.test(answer.as) || answer.as === 'init-id' ? 'the init layer of' : 'of'
  return [
    `${subject(answer)} is ${role} container ${containerText(container!)}`,
    ...(image === undefined ? [] : [`  made of image ${imageText(image)}`]),
  ]
}

function fileLines({ file, kind }: WhyAnswer): string[] {
  if (file === undefined) return []
  if (file.type === 'absent') return [`  ${file.path} is not there`]
  if (file.from !== undefined) {
    const from =
      file.from === 'container'
        ? 'the container itself wrote it'
        : file.from === 'init'
          ? "the container's init layer has it"
          : `it comes from layer ${file.from} of the image`
    return [`  ${file.path} (${file.type}): ${from}`]
  }
  const what = file.type === 'whiteout' ? 'whiteout: it removes what lies below' : file.type
  if (kind === 'container' || file.sights.length === 0) return [`  ${file.path} (${what})`]
  const named = file.sights.filter(({ names }) => names.length > 0)
  const told = named.length > 0 ? named : file.sights
  return [`  ${file.path} (${what})`, ...told.map((sight) => `    ${sightText(sight, file.type)}`)]
}

const HOW = { removes: 'removes', replaces: 'replaces', hides: 'hides' } as const

function sightText({ names, image, visible, hiddenBy }: WhySight, type: string): string {
  const name = names[0] ?? image ?? ''
  if (visible) return `${type === 'whiteout' ? 'in effect' : 'visible'} in ${name}`
  const by =
    hiddenBy === undefined ? '' : `: layer ${hiddenBy.layer} ${HOW[hiddenBy.how]} ${hiddenBy.path}`
  return `hidden in ${name}${by}`
}
