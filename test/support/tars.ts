// Tars made by hand or by chance, and what a parser makes of them as plain data to compare.
// Hand-made blocks say what no writer would, so they do not come from src/tar/writer.ts.

import fc from 'fast-check'
import type { BytePath } from '../../src/path/byte-path.ts'
import type { TarHandler, TarHeader, TarLimits } from '../../src/tar/entry.ts'
import { TarParser } from '../../src/tar/parser.ts'
import type { TarEntryInit } from '../../src/tar/writer.ts'

export const path = (text: string): BytePath => text as BytePath

export const ZERO_BLOCKS: Buffer = Buffer.alloc(1024)

export interface BlockFields {
  name?: string
  mode?: string | Buffer
  uid?: string | Buffer
  gid?: string | Buffer
  size?: number | string | Buffer
  mtime?: string | Buffer
  type?: string
  link?: string
  /** 8 bytes: magic and version. */
  magic?: string
  uname?: string
  gname?: string
  prefix?: string
  /** Bytes by offset, put in last. */
  patch?: Record<number, string | Buffer>
  /** Instead of the right one. */
  checksum?: string
}

export const GNU_MAGIC = 'ustar  \0'

/** One header block, field by field as given, with a right checksum unless told otherwise. */
export function block(fields: BlockFields = {}): Buffer {
  const out = Buffer.alloc(512)
  const put = (at: number, value: string | Buffer): void => {
    if (typeof value === 'string') out.write(value, at, 'latin1')
    else value.copy(out, at)
  }
  const { size = 0 } = fields
  put(0, fields.name ?? 'file')
  put(100, fields.mode ?? '0000644\0')
  put(108, fields.uid ?? '0000000\0')
  put(116, fields.gid ?? '0000000\0')
  put(124, typeof size === 'number' ? `${size.toString(8).padStart(11, '0')}\0` : size)
  put(136, fields.mtime ?? '00000000000\0')
  put(156, fields.type ?? '0')
  put(157, fields.link ?? '')
  put(257, fields.magic ?? 'ustar\x0000')
  put(265, fields.uname ?? '')
  put(297, fields.gname ?? '')
  put(345, fields.prefix ?? '')
  for (const [at, value] of Object.entries(fields.patch ?? {})) put(Number(at), value)
  put(148, '        ')
  const sum = out.reduce((total, byte) => total + byte, 0)
  put(148, fields.checksum ?? `${sum.toString(8).padStart(6, '0')}\0 `)
  return out
}

/** A body with the zeros up to the next block. */
export function padded(body: string | Buffer): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
}

/** An extension member: x, g, L or K. */
export function extension(type: string, payload: string | Buffer, name = '././@X'): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload
  return Buffer.concat([block({ name, type, size: bytes.length }), padded(bytes)])
}

/** PAX records with their lengths counted, by a way of counting that is not the product's. */
export function paxRecords(records: Record<string, string>): string {
  return Object.entries(records)
    .map(([key, value]) => {
      const rest = ` ${key}=${value}\n`
      let length = rest.length
      while (`${length}${rest}`.length !== length) length++
      return `${length}${rest}`
    })
    .join('')
}

/** A file `s` of one byte and a hole, as PAX format 0.1 says it. */
export function sparseMember(realSizeBytes: number): Buffer {
  const records = paxRecords({
    'GNU.sparse.size': String(realSizeBytes),
    'GNU.sparse.numblocks': '1',
    'GNU.sparse.map': '0,1',
    'GNU.sparse.name': 's',
  })
  return Buffer.concat([extension('x', records), block({ name: 'x', size: 1 }), padded('x')])
}

export type SeenEvent =
  | { event: 'raw' | 'body'; bytes: string }
  | { event: 'entry'; header: TarHeader }
  | { event: 'bodyEnd' | 'archiveEnd' }
  | { event: 'globalHeader'; name: string }

/** All events; neighbouring raw or body calls are joined, so that how the input was cut does not show. */
export class Recorder implements TarHandler {
  readonly events: SeenEvent[] = []

  raw(bytes: Uint8Array): void {
    this.#bytes('raw', bytes)
  }
  body(bytes: Uint8Array): void {
    this.#bytes('body', bytes)
  }
  entry(header: TarHeader): void {
    this.events.push({ event: 'entry', header })
  }
  bodyEnd(): void {
    this.events.push({ event: 'bodyEnd' })
  }
  globalHeader(name: string): void {
    this.events.push({ event: 'globalHeader', name })
  }
  archiveEnd(): void {
    this.events.push({ event: 'archiveEnd' })
  }

  get headers(): TarHeader[] {
    return this.events.flatMap((event) => (event.event === 'entry' ? [event.header] : []))
  }

  /** Bodies by position in the tar. */
  get bodies(): Buffer[] {
    const bodies: Buffer[] = []
    let body = ''
    for (const event of this.events) {
      if (event.event === 'body') body += event.bytes
      if (event.event !== 'bodyEnd') continue
      bodies.push(Buffer.from(body, 'latin1'))
      body = ''
    }
    return bodies
  }

  /** Everything that came, in order: must be the input. */
  get bytes(): Buffer {
    return Buffer.from(
      this.events.map((event) => ('bytes' in event ? event.bytes : '')).join(''),
      'latin1',
    )
  }

  #bytes(event: 'raw' | 'body', bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString('latin1')
    const last = this.events.at(-1)
    if (last?.event === event) last.bytes += text
    else this.events.push({ event, bytes: text })
  }
}

/** `sizes` are used in turn; without any the bytes come in one chunk. */
export function chunksOf(bytes: Uint8Array, sizes: readonly number[] = []): Uint8Array[] {
  if (sizes.length === 0) return [bytes]
  const chunks: Uint8Array[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length]!)
    // A copy, at another alignment than in the whole, that is overwritten once it was used: kept views would show.
    chunks.push(new Uint8Array(bytes.subarray(at, at + size)))
    at += size
  }
  return chunks
}

export function parse(
  bytes: Uint8Array,
  options: { sizes?: readonly number[]; limits?: Partial<TarLimits> } = {},
): Recorder & { total: { sizeBytes: number; entries: number } } {
  const recorder = new Recorder()
  const parser = new TarParser(recorder, options.limits)
  for (const chunk of chunksOf(bytes, options.sizes)) {
    parser.write(chunk)
    if (chunk !== bytes) chunk.fill(0xee)
  }
  return Object.assign(recorder, { total: parser.end() })
}

/** Sizes of chunks, from bytewise to several blocks. */
export const chunkSizes: fc.Arbitrary<number[]> = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 3000 }), fc.constant(512)),
  { minLength: 1, maxLength: 5 },
)

const nameByte = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0x61, max: 0x7a }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 255 }).filter((byte) => byte !== 0x2f) },
)

function nameOf(lengthMax: number): fc.Arbitrary<string> {
  return fc
    .array(nameByte, { minLength: 1, maxLength: lengthMax })
    .map((bytes) => Buffer.from(bytes).toString('latin1'))
    .filter((name) => name !== '.' && name !== '..')
}

/** Names of any bytes, short ones and such that ustar cannot hold. */
const memberPath: fc.Arbitrary<string> = fc
  .array(fc.oneof({ weight: 6, arbitrary: nameOf(8) }, { weight: 1, arbitrary: nameOf(240) }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join('/'))

const number32 = fc.oneof(fc.nat(2000), fc.nat(0xfffffffe))
const timeNs = fc.oneof(
  fc.nat(2_000_000_000).map((seconds) => BigInt(seconds) * 1_000_000_000n),
  fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }),
)
const xattrs = fc.option(
  fc
    .uniqueArray(
      fc.tuple(fc.constantFrom('user.a', 'user.b', 'security.capability'), fc.uint8Array()),
      { selector: ([key]) => key, maxLength: 3 },
    )
    .map((pairs) => new Map(pairs)),
  { nil: undefined, freq: 3 },
)

/** A member of any type, with its body, as the writer takes it. */
export const member: fc.Arbitrary<TarEntryInit> = fc
  .record({
    type: fc.constantFrom(
      ...(['file', 'file', 'file', 'directory', 'symlink', 'hardlink', 'char', 'fifo'] as const),
    ),
    path: memberPath,
    link: memberPath,
    mode: fc.nat(0o7777),
    uid: number32,
    gid: number32,
    uname: fc.oneof(fc.constantFrom('', 'root'), nameOf(40)),
    gname: fc.oneof(fc.constantFrom('', 'root'), nameOf(40)),
    mtimeNs: timeNs,
    atimeNs: fc.option(timeNs, { nil: undefined }),
    device: fc.tuple(fc.nat(4095), fc.nat(0o7777777)),
    xattrs,
    body: fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc.nat(2000).map((size) => Buffer.alloc(size, 'body')),
      fc.constantFrom(512, 1024).map((size) => Buffer.alloc(size)),
    ),
  })
  .map(({ type, path: name, link, device, atimeNs, xattrs, body, ...rest }) => ({
    ...rest,
    type,
    path: path(type === 'directory' ? `${name}/` : name),
    ...(type === 'symlink' || type === 'hardlink' ? { linkPath: path(link) } : {}),
    ...(type === 'char' ? { devMajor: device[0], devMinor: device[1] } : {}),
    ...(atimeNs === undefined ? {} : { atimeNs }),
    ...(xattrs === undefined ? {} : { xattrs }),
    ...(type === 'file' ? { body } : {}),
    uname: path(rest.uname),
    gname: path(rest.gname),
  }))

/** Members of one archive, each name once. */
export const members: fc.Arbitrary<TarEntryInit[]> = fc.uniqueArray(member, {
  selector: (entry) => entry.path.replace(/\/$/, ''),
  maxLength: 8,
})

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(new Uint8Array(chunk))
  return Buffer.concat(chunks)
}
