// images: the list, with docker's columns, filters and formats. One row for each name of an image.

import type { Command } from 'commander'
import type { ImageListItem } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { createdSince, goLocalTime, humanSize } from '../format/units.ts'
import { jsonText } from '../output.ts'
import { collectFilter, declareVerb, examples } from '../verb.ts'

interface ImagesOptions {
  readonly all?: boolean
  readonly quiet?: boolean
  readonly trunc: boolean
  readonly digests?: boolean
  readonly filter?: readonly string[]
  readonly format?: string
}

export function declareImages(program: Command, context: Context): void {
  declareVerb(program, ['images', 'image ls|list'], (command) => {
    command
      .summary('list images')
      .description('List images, newest first.')
      .argument('[repository[:tag]]', 'only images of that name; may be a glob pattern')
      .option('-a, --all', 'also show intermediate images')
      .option('-q, --quiet', 'only IDs')
      .option('--no-trunc', 'whole IDs')
      .option('--digests', 'show digests')
      .option(
        '-f, --filter <key=value>',
        'dangling=true|false, reference=PATTERN, label=KEY[=VALUE], before=IMAGE, since=IMAGE; may be repeated',
        collectFilter,
      )
      .option(
        '--format <format>',
        "table, json, a Go template, or 'table TEMPLATE'; fields: .ID .Repository .Tag .Digest .CreatedSince .CreatedAt .Size .VirtualSize .SharedSize .UniqueSize .Containers",
      )
      .action((pattern: string | undefined, options: ImagesOptions) =>
        printImages(pattern, options, context),
      )
    examples(command, [
      ['images --digests', 'with the digests that registries know them by'],
      ["images -f 'reference=debian:1?'", 'by pattern'],
      ["images --format '{{.ID}}: {{.Repository}}'", 'by template'],
    ])
  })
}

async function printImages(
  pattern: string | undefined,
  options: ImagesOptions,
  context: Context,
): Promise<void> {
  const { listImages, parseImageFilters, shortID } = await import('../library/images.ts')
  const filters = [...(options.filter ?? [])]
  // An empty name is none, as docker's client has it.
  if (pattern !== undefined && pattern !== '') filters.push(`reference=${pattern}`)
  const filter = parseImageFilters(filters)
  const store = await context.openStore()
  const items = await listImages(store, { all: options.all ?? false, filter })
  if (context.json) {
    await context.stdout.write(jsonText(items))
    return
  }
  const { formatRows } = await import('../format/row-format.ts')
  const { imageFormat, imageListing } = await import('../format/listings.ts')
  const listing = { digests: options.digests ?? false }
  const format = options.format ?? (options.quiet ? '{{.ID}}' : undefined)
  const withDigests = listing.digests || (format?.includes('.Digest') ?? false)
  const fields = fieldsOf((id) => (options.trunc ? shortID(id) : id), Date.now() / 1000)
  const rows = items.flatMap((item) => rowsOf(item, withDigests)).map(fields)
  await context.stdout.write(
    await formatRows(rows, imageFormat(format, listing), imageListing(listing)),
  )
}

interface ImageRow {
  readonly item: ImageListItem
  readonly repository: string
  readonly tag: string
  readonly digest: string
}

const NONE = '<none>'

/** moby's rule: a row for each tag; with digests, one for each pair; a repository with digests alone has rows as well. */
function rowsOf(item: ImageListItem, withDigests: boolean): ImageRow[] {
  const tags = byRepository(item.repoTags, ':')
  const digests = byRepository(item.repoDigests, '@')
  const rows: ImageRow[] = []
  for (const [repository, own] of tags) {
    const pairs = withDigests ? (digests.get(repository) ?? [NONE]) : [NONE]
    digests.delete(repository)
    for (const tag of own) {
      for (const digest of pairs) rows.push({ item, repository, tag, digest })
    }
  }
  for (const [repository, own] of digests) {
    for (const digest of withDigests ? own : [NONE]) {
      rows.push({ item, repository, tag: NONE, digest })
    }
  }
  if (rows.length > 0) return rows
  return [{ item, repository: NONE, tag: NONE, digest: NONE }]
}

/** A repository may have a port, so the last separator counts. */
function byRepository(names: readonly string[], separator: ':' | '@'): Map<string, string[]> {
  const map = new Map<string, string[]>()
  for (const name of names) {
    const at = name.lastIndexOf(separator)
    const repository = name.slice(0, at)
    const own = map.get(repository)
    if (own) own.push(name.slice(at + 1))
    else map.set(repository, [name.slice(at + 1)])
  }
  return map
}

const ZERO_TIME_SECONDS = -62_135_596_800

/** What docker's templates may ask of a row. An image can have very many: what they share is made once. */
function fieldsOf(
  showID: (id: ImageListItem['id']) => string,
  nowSeconds: number,
): (row: ImageRow) => Record<string, string> {
  let of: ImageListItem | undefined
  let shared: Record<string, string> = {}
  return ({ item, repository, tag, digest }) => {
    if (item !== of) shared = imageFields(item, nowSeconds)
    of = item
    return {
      ID: showID(item.id),
      Repository: repository,
      Tag: tag,
      Digest: digest,
      ...shared,
      // No part of what is shared: to copy it would be to compute it.
      get CreatedAt() {
        return goLocalTime(item.createdSeconds)
      },
      // Docker answers these only to `docker system df`.
      SharedSize: 'N/A',
      UniqueSize: 'N/A',
      Containers: 'N/A',
    }
  }
}

function imageFields(item: ImageListItem, nowSeconds: number): Record<string, string> {
  return {
    CreatedSince:
      item.createdSeconds === ZERO_TIME_SECONDS
        ? ''
        : createdSince(item.createdSeconds, nowSeconds),
    Size: humanSize(item.sizeBytes),
    VirtualSize: humanSize(item.sizeBytes, 4),
  }
}
