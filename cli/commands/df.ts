// system df: docker's table of what takes space and what of it could be had back, in blocks on the disk; below it, what
// is leaked. -v shows each image, container, volume and directory of the build cache.

import type { Command } from 'commander'
import type { ContainerUsage, ImageUsage, Leak, StoreUsage, UsageSummary } from '../../src/index.ts'
import type { Context } from '../context.ts'
import type { Listing, Row } from '../format/row-format.ts'
import { safeText } from '../format/safe-text.ts'
import { table } from '../format/table.ts'
import { createdSince, goLocalTime, humanDuration, humanSize } from '../format/units.ts'
import { ellipsis } from '../format/width.ts'
import { jsonText } from '../output.ts'
import { quote } from '../template/go-quote.ts'
import { declareVerb, examples } from '../verb.ts'

interface DfOptions {
  readonly verbose?: boolean
  readonly format?: string
}

export function declareDf(program: Command, context: Context): void {
  declareVerb(program, ['system df'], (command) => {
    command
      .summary('show what takes space, and what of it is leaked')
      .description(
        'Show what images, containers, volumes and the build cache take on the disk, and how much of it prune would give back: blocks as du counts them, hardlinks and sparse files once. Below the table, what is leaked. Reads only, also beside a running dockerd.',
      )
      .option('-v, --verbose', 'each image, container and volume')
      .option(
        '--format <format>',
        "table, json, a Go template, or 'table TEMPLATE'; fields: .Type .TotalCount .Active .Size .Reclaimable",
      )
      .action((options: DfOptions) => printUsage(options, context))
    examples(command, [
      ['system df', 'the table, and what is leaked'],
      ['system df -v', 'what each image shares, and what its removal would free'],
    ])
  })
}

async function printUsage(options: DfOptions, context: Context): Promise<void> {
  const { usage } = await import('../../src/index.ts')
  const store = await context.openStore()
  const found = await usage(store)
  if (context.json) {
    await context.stdout.write(jsonText(found))
    return
  }
  if (options.verbose) {
    await context.stdout.write(await verboseText(found, options.format))
  } else {
    const { formatRows } = await import('../format/row-format.ts')
    await context.stdout.write(await formatRows(summaryRows(found), options.format, SUMMARY))
  }
  if (options.format === undefined) await context.stdout.write(leakText(found.leaks, found))
  await tellUnreadable(found, context)
}

const SUMMARY: Listing = {
  type: 'formatter.diskUsageContext',
  headers: {
    Type: 'TYPE',
    TotalCount: 'TOTAL',
    Active: 'ACTIVE',
    Size: 'SIZE',
    Reclaimable: 'RECLAIMABLE',
  },
  table: '{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}',
}

function summaryRows({ images, containers, volumes, buildCache }: StoreUsage): Row[] {
  const row = (type: string, summary: UsageSummary<unknown>): Row => ({
    Type: type,
    TotalCount: String(summary.total),
    Active: String(summary.active),
    Size: humanSize(summary.bytes, 4),
    Reclaimable: withShare(summary),
  })
  return [
    row('Images', images),
    row('Containers', containers),
    row('Local Volumes', volumes),
    { ...row('Build Cache', buildCache), Reclaimable: humanSize(buildCache.reclaimableBytes, 4) },
  ]
}

function withShare({ bytes, reclaimableBytes }: UsageSummary<unknown>): string {
  const size = humanSize(reclaimableBytes, 4)
  return bytes > 0 ? `${size} (${Math.trunc((reclaimableBytes * 100) / bytes)}%)` : size
}

function leakText(leaks: readonly Leak[], found: StoreUsage): string {
  if (leaks.length === 0) return ''
  const things = leaks.length === 1 ? '1 thing' : `${leaks.length} things`
  const remedy = found.dockerdRunning
    ? 'a dockerd is running, and what it makes right now looks the same; stop it, then shale system prune gives it back'
    : 'shale system prune gives it back'
  const rows = leaks.map(({ bytes, path, reason }) => [humanSize(bytes, 4), safeText(path), reason])
  return `\nLeaked: ${humanSize(found.leakedBytes, 4)} in ${things} that nothing refers to (${remedy})\n${table(['SIZE', 'PATH', 'WHAT IT IS'], rows)}`
}

async function tellUnreadable({ unreadable }: StoreUsage, context: Context): Promise<void> {
  const [first, ...more] = unreadable
  if (first === undefined) return
  const others = more.length === 0 ? '' : ` and ${more.length} more`
  await context.log(
    'warn',
    `warning: cannot read ${safeText(first.path)} (${first.errno})${others}; what lies there is not counted, run as the owner of the root for the whole`,
  )
}

async function verboseText(found: StoreUsage, format: string | undefined): Promise<string> {
  const now = Date.now() / 1000
  const images = found.images.items.map((item) => imageRow(item, now))
  const containers = found.containers.items.map((item) => containerRow(item, now))
  const volumes = found.volumes.items.map(({ name, links, bytes }) => ({
    Name: name,
    Links: String(links),
    Size: humanSize(bytes, 4),
  }))
  const cache = found.buildCache.items.map(({ directory, bytes }) => ({
    ID: directory,
    Size: humanSize(bytes, 4),
  }))
  if (format !== undefined && format !== 'table') {
    const { compileTemplate } = await import('../template/template.ts')
    const document = { Images: images, Containers: containers, Volumes: volumes, BuildCache: cache }
    const template = format === 'json' ? '{{json .}}' : format
    return `${compileTemplate(template).execute(document)}\n`
  }
  const section = (title: string, rows: readonly Row[], columns: Columns): string => {
    const cells = rows.map((row) => columns.map(([name]) => safeText(row[name] ?? '')))
    return `${title}\n\n${table(
      columns.map(([, header]) => header),
      cells,
    )}`
  }
  return [
    section('Images space usage:', images, IMAGE_COLUMNS),
    section('Containers space usage:', containers, CONTAINER_COLUMNS),
    section('Local Volumes space usage:', volumes, VOLUME_COLUMNS),
    section(`Build cache usage: ${humanSize(found.buildCache.bytes, 4)}`, cache, CACHE_COLUMNS),
  ].join('\n')
}

type Columns = readonly (readonly [string, string])[]

const IMAGE_COLUMNS: Columns = [
  ['Repository', 'REPOSITORY'],
  ['Tag', 'TAG'],
  ['ShortID', 'IMAGE ID'],
  ['CreatedSince', 'CREATED'],
  ['Size', 'SIZE'],
  ['SharedSize', 'SHARED SIZE'],
  ['UniqueSize', 'UNIQUE SIZE'],
  ['Containers', 'CONTAINERS'],
  ['Frees', 'FREES'],
]
const CONTAINER_COLUMNS: Columns = [
  ['ShortID', 'CONTAINER ID'],
  ['Image', 'IMAGE'],
  ['ShortCommand', 'COMMAND'],
  ['LocalVolumes', 'LOCAL VOLUMES'],
  ['Size', 'SIZE'],
  ['RunningFor', 'CREATED'],
  ['Status', 'STATUS'],
  ['Names', 'NAMES'],
]
const VOLUME_COLUMNS: Columns = [
  ['Name', 'VOLUME NAME'],
  ['Links', 'LINKS'],
  ['Size', 'SIZE'],
]
const CACHE_COLUMNS: Columns = [
  ['ID', 'CACHE ID'],
  ['Size', 'SIZE'],
]

/** By the first of its tags alone, as docker: rows of this table can be added up. */
function imageRow(item: ImageUsage, now: number): Row {
  const name = item.repoTags[0] ?? '<none>:<none>'
  return {
    Repository: name.slice(0, name.lastIndexOf(':')),
    Tag: name.slice(name.lastIndexOf(':') + 1),
    ID: item.id,
    ShortID: item.id.slice('sha256:'.length).slice(0, 12),
    CreatedSince: createdSince(item.createdSeconds, now),
    get CreatedAt() {
      return goLocalTime(item.createdSeconds)
    },
    Size: humanSize(item.bytes, 4),
    SharedSize: humanSize(item.sharedBytes, 4),
    UniqueSize: humanSize(item.uniqueBytes, 4),
    Containers: String(item.containers),
    Frees: humanSize(item.freedBytes, 4),
  }
}

function containerRow(
  { container, image, command, bytes, localVolumes }: ContainerUsage,
  now: number,
): Row {
  return {
    ID: container.id,
    ShortID: container.id.slice(0, 12),
    Image: image.startsWith('sha256:') ? image.slice(7, 19) : image,
    Command: quote(command),
    ShortCommand: quote(ellipsis(command, 20)),
    LocalVolumes: String(localVolumes),
    Size: humanSize(bytes, 4),
    RunningFor: createdSince(Math.floor(Date.parse(container.created) / 1000), now),
    Status: statusText(container.state, now),
    State: container.state.status,
    Names: container.name,
  }
}

/** moby container.State.String, without health. */
function statusText(state: ContainerUsage['container']['state'], now: number): string {
  const since = (time: string): string => humanDuration(now - Date.parse(time) / 1000)
  switch (state.status) {
    case 'running':
      return `Up ${since(state.startedAt)}`
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`
    case 'exited':
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`
    case 'removing':
      return 'Removal In Progress'
    case 'dead':
      return 'Dead'
    case 'created':
      return 'Created'
  }
}
