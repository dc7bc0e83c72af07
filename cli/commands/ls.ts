// ls: the files of an image from its layers, without mounting; each can name the layer that it comes from.

import type { Command } from 'commander'
import type { ImageFile, ImageFileName } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { safeJSON, safeText } from '../format/safe-text.ts'
import { LineWriter, jsonLine } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

interface LsOptions {
  readonly long?: boolean
  readonly recursive?: boolean
  readonly layers?: boolean
}

export function declareLs(program: Command, context: Context): void {
  declareVerb(program, ['ls', 'image files'], (command) => {
    command
      .summary('list files of an image')
      .description(
        'List files of an image, straight from its layers, in byte order. A symbolic link given as PATH is followed inside the image. With -R, everything below with its whole path. Owners are numbers and times are UTC, as the layers have them.',
      )
      .argument('<image[:path]>', 'name:tag, or name:tag:/absolute/path')
      .option('-l, --long', 'type and mode, owner, size, time')
      .option('-R, --recursive', 'everything below')
      .option('--layers', 'the layer that each comes from: its number, base first, and diffID')
      .action((place: string, options: LsOptions) => listFiles(place, options, context))
    examples(command, [
      ['ls -l debian:12:/etc', 'a directory'],
      ['ls -R --layers app:1', 'which layer brought what'],
    ])
  })
}

async function listFiles(place: string, options: LsOptions, context: Context): Promise<void> {
  const { InvalidArgumentError, listImageFileNames, listImageFiles, splitImagePath } =
    await import('../library/files.ts')
  const { image, path } = splitImagePath(place)
  // No image name has two colons but for a registry's port, which a slash follows.
  if (path === undefined && /:[^/@]*:/.test(place)) {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot tell image and path apart in ${JSON.stringify(place)}: expected IMAGE or IMAGE:/PATH`,
      { details: { argument: place } },
    )
  }
  const store = await context.openStore()
  const recursive = options.recursive ?? false
  const out = new LineWriter(context.stdout, context.signal)
  const listing = { recursive, signal: context.signal }
  const row = new RowText(options)
  if (context.json) await writeJSON(listImageFiles(store, image, path, listing), out)
  else if (options.long) {
    for await (const file of listImageFiles(store, image, path, listing)) {
      await out.line(row.text(file))
    }
  } else {
    for await (const names of listImageFileNames(store, image, path, listing)) {
      await out.line(names.map((name) => row.name(name)).join('\n'))
    }
  }
  await out.flush()
}

/** An array written as it comes: an image may have more files than fit a string. */
async function writeJSON(files: AsyncIterable<ImageFile>, out: LineWriter): Promise<void> {
  let previous: string | undefined
  for await (const file of files) {
    if (previous !== undefined) await out.line(`${previous},`)
    previous = `${previous === undefined ? '[' : ' '}${safeJSON(jsonLine(recordOf(file)))}`
  }
  await out.line(previous === undefined ? '[]' : `${previous}]`)
}

/** mtimeNs is text: JSON's numbers do not hold nanoseconds. */
function recordOf(file: ImageFile): object {
  const { mtimeNs, ...rest } = file
  return { ...rest, mode: octal(file.mode), mtime: timeText(mtimeNs), mtimeNs: String(mtimeNs) }
}

const TYPE_LETTER: Readonly<Record<ImageFile['type'], string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  char: 'c',
  block: 'b',
  fifo: 'p',
  socket: 's',
}

class RowText {
  private readonly options: LsOptions
  private ownerWidth = 3
  private sizeWidth = 9

  constructor(options: LsOptions) {
    this.options = options
  }

  /** With -l. */
  text(file: ImageFile): string {
    const link = file.linkTarget === undefined ? '' : ` -> ${safeText(file.linkTarget)}`
    return `${this.layer(file)}${this.attributes(file)} ${this.path(file)}${link}`
  }

  name(file: ImageFileName): string {
    return `${this.layer(file)}${this.path(file)}`
  }

  private layer(file: ImageFileName): string {
    return this.options.layers ? `${layerText(file)}  ` : ''
  }

  private path({ path }: ImageFileName): string {
    return safeText(this.options.recursive ? path : basename(path))
  }

  /** As GNU tar's -tv: rows go out before all are known, so a column grows when a wider cell comes. */
  private attributes(file: ImageFile): string {
    const owner = `${file.uid}/${file.gid}`
    const { device } = file
    const size = device ? `${device.major},${device.minor}` : String(file.sizeBytes)
    this.ownerWidth = Math.max(this.ownerWidth, owner.length)
    this.sizeWidth = Math.max(this.sizeWidth, size.length)
    const time = timeText(file.mtimeNs).slice(0, 16).replace('T', ' ')
    return `${TYPE_LETTER[file.type]}${modeText(file.mode)} ${owner.padEnd(this.ownerWidth)} ${size.padStart(this.sizeWidth)} ${time}`
  }
}

function layerText({ layer }: ImageFileName): string {
  if (layer === undefined) return '  - ------------'
  return `${String(layer.number).padStart(3)} ${layer.diffID.slice(7, 19)}`
}

function basename(path: string): string {
  return path === '/' ? path : path.slice(path.lastIndexOf('/') + 1)
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

/** rwsr-xr-t: set-ID and sticky bits in the place of x, capital where x is not set. */
function modeText(mode: number): string {
  const bit = (mask: number, letter: string): string => (mode & mask ? letter : '-')
  const execute = (mask: number, special: number, letter: string): string => {
    if (!(mode & special)) return bit(mask, 'x')
    return mode & mask ? letter : letter.toUpperCase()
  }
  return [
    bit(0o400, 'r'),
    bit(0o200, 'w'),
    execute(0o100, 0o4000, 's'),
    bit(0o040, 'r'),
    bit(0o020, 'w'),
    execute(0o010, 0o2000, 's'),
    bit(0o004, 'r'),
    bit(0o002, 'w'),
    execute(0o001, 0o1000, 't'),
  ].join('')
}

/** RFC 3339 in UTC with all nine digits; years that Date cannot hold are shown as seconds since 1970. */
function timeText(mtimeNs: bigint): string {
  const second =
    mtimeNs >= 0n ? mtimeNs / 1_000_000_000n : -((999_999_999n - mtimeNs) / 1_000_000_000n)
  const fraction = String(mtimeNs - second * 1_000_000_000n).padStart(9, '0')
  const date = new Date(Number(second) * 1000)
  if (Number.isNaN(date.getTime())) return `@${second}.${fraction}`
  return `${date.toISOString().slice(0, -5)}.${fraction}Z`
}
