// ps: containers, with docker's columns, filters and formats.

import { InvalidArgumentError, type Command } from 'commander'
import type { ContainerListItem } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { formatRows, LABELS, type Listing, type Row } from '../format/row-format.ts'
import { ellipsis } from '../format/width.ts'
import { createdSince, goLocalTime, humanDuration, humanSize } from '../format/units.ts'
import { jsonText } from '../output.ts'
import { quote } from '../template/go-quote.ts'
import { collectFilter, declareVerb, examples } from '../verb.ts'

interface PsOptions {
  readonly all?: boolean
  readonly quiet?: boolean
  readonly size?: boolean
  readonly latest?: boolean
  readonly last?: number
  readonly trunc: boolean
  readonly filter?: readonly string[]
  readonly format?: string
}

export function declarePs(program: Command, context: Context): void {
  declareVerb(program, ['ps', 'container ls|list|ps'], (command) => {
    command
      .summary('list containers')
      .description('List containers, newest first; without -a only those that a dockerd runs.')
      .option('-a, --all', 'also those that do not run')
      .option('-q, --quiet', 'only IDs')
      .option('-s, --size', 'what each wrote, and that with its image')
      .option('-l, --latest', 'only the newest')
      .option('-n, --last <number>', 'only the newest so many', wholeNumber)
      .option('--no-trunc', 'whole IDs and commands')
      .option(
        '-f, --filter <key=value>',
        'id, name, label, status, exited, ancestor, before, since, volume; may be repeated',
        collectFilter,
      )
      .option(
        '--format <format>',
        "table, json, a Go template, or 'table TEMPLATE'; fields: .ID .Image .Command .CreatedAt .RunningFor .Ports .State .Status .Size .Names .Labels .Label .Mounts .Networks",
      )
      .action((options: PsOptions) => list(options, context))
    examples(command, [
      ['ps -a', 'all of them'],
      ["ps -a -s --format '{{.Names}}: {{.Size}}'", 'what each wrote'],
      ['ps -a -f ancestor=debian:12', 'those made of an image'],
    ])
  })
}

function wholeNumber(text: string): number {
  if (/^[0-9]+$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Expected a whole number.')
}

const HEADERS = {
  ID: 'CONTAINER ID',
  Image: 'IMAGE',
  Command: 'COMMAND',
  CreatedAt: 'CREATED AT',
  RunningFor: 'CREATED',
  Ports: 'PORTS',
  State: 'STATE',
  Status: 'STATUS',
  Size: 'SIZE',
  Names: 'NAMES',
  Labels: 'LABELS',
  Mounts: 'MOUNTS',
  LocalVolumes: 'LOCAL VOLUMES',
  Networks: 'NETWORKS',
}

function listing(options: { readonly size: boolean }): Listing {
  return {
    type: 'formatter.ContainerContext',
    headers: HEADERS,
    table: `{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}${options.size ? '\t{{.Size}}' : ''}`,
  }
}

async function list(options: PsOptions, context: Context): Promise<void> {
  const { listContainers, parseContainerFilters } = await import('../../src/index.ts')
  const format = options.format ?? (options.quiet ? '{{.ID}}' : undefined)
  const last = options.latest === true ? 1 : options.last
  const store = await context.openStore()
  const itemsOf = (size: boolean): Promise<ContainerListItem[]> =>
    listContainers(store, {
      all: options.all ?? false,
      ...(last === undefined ? {} : { last }),
      ...(options.filter === undefined ? {} : { filter: parseContainerFilters(options.filter) }),
      size,
    })
  const size = options.size ?? false
  const items = await itemsOf(size)
  if (context.json) return context.stdout.write(jsonText(items))
  const nowSeconds = Date.now() / 1000
  let sizeAsked = false
  const noteSize = (): void => {
    sizeAsked = true
  }
  const print = (found: readonly ContainerListItem[]): Promise<string> =>
    formatRows(
      found.map((item) => rowOf(item, options.trunc, nowSeconds, noteSize)),
      format,
      listing({ size }),
    )
  const text = await print(items)
  // As in docker: to measure costs a walk of each writable layer, so a template is carried out without sizes first, and
  // again where it asked for one. `json` is no template, and has no sizes there either.
  const measure = sizeAsked && !size && format !== 'json'
  await context.stdout.write(measure ? await print(await itemsOf(true)) : text)
}

const COMMAND_WIDTH = 20
/** Of each mount's name, as COMMAND_WIDTH unless --no-trunc; in docker's JSON too. */
const MOUNT_WIDTH = 15

/** What docker's templates may ask of a container. Ports are dockerd's: it maps them while a container runs. */
function rowOf(
  item: ContainerListItem,
  truncated: boolean,
  nowSeconds: number,
  whenSizeAsked: () => void,
): Row {
  // docker's API has whole seconds.
  const created = Math.floor(Date.parse(item.created) / 1000)
  const volumes = item.mountPoints.filter(({ type }) => type === 'volume')
  const own = item.writableBytes ?? 0
  const virtual = item.virtualBytes ?? 0
  return {
    ID: truncated ? item.id.slice(0, 12) : item.id,
    Image: truncated && item.image.startsWith('sha256:') ? item.image.slice(7, 19) : item.image,
    Command: quote(truncated ? ellipsis(item.command, COMMAND_WIDTH) : item.command),
    get CreatedAt() {
      return goLocalTime(created)
    },
    RunningFor: createdSince(created, nowSeconds),
    Ports: '',
    State: item.status,
    Status: statusText(item, nowSeconds),
    get Size() {
      whenSizeAsked()
      return virtual > 0 ? `${humanSize(own)} (virtual ${humanSize(virtual)})` : humanSize(own)
    },
    Names: item.name,
    Labels: Object.entries(item.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    [LABELS]: item.labels,
    Mounts: item.mountPoints
      .map(({ name, source }) => name || source)
      .map((mount) => (truncated ? ellipsis(mount, MOUNT_WIDTH) : mount))
      .join(','),
    LocalVolumes: String(volumes.length),
    Networks: item.networks.join(','),
  }
}

/** docker's words for a state; since when, a stopped daemon's root still tells. */
function statusText(item: ContainerListItem, nowSeconds: number): string {
  const since = (time: string): string =>
    humanDuration(Math.max(0, nowSeconds - Date.parse(time) / 1000))
  switch (item.status) {
    case 'created':
      return 'Created'
    case 'running':
      return `Up ${since(item.startedAt)}`
    case 'paused':
      return `Up ${since(item.startedAt)} (Paused)`
    case 'exited':
      return `Exited (${item.exitCode}) ${since(item.finishedAt)} ago`
    case 'restarting':
      return `Restarting (${item.exitCode}) ${since(item.finishedAt)} ago`
    case 'removing':
      return 'Removal In Progress'
    case 'dead':
      return 'Dead'
  }
}
