// Reads tar-split JSON, whoever wrote it: docker's lines by a fast path that touches each byte once or twice, any other
// spelling of the same objects (spaces, other key order, escapes, no newlines) by JSON.parse.
// Does not look whether names repeat or positions count up: docker's own reader ignores the position.

import { IntegrityError, LimitError } from '../errors.ts'
import type { BytePath } from '../path/byte-path.ts'
import { pathFromBytes, pathFromText } from '../path/byte-path.ts'
import type { FileRecord, SplitRecord } from './record.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d
/** The `=` at the end of base64. */
const FILL = 0x3d

const SEGMENT_START = Buffer.from('{"type":2,"payload":"')
const SEGMENT_END = Buffer.from('","position":')
const FILE_START = Buffer.from('{"type":1,"name":"')

/** Printable ASCII without the backslash. */
const PLAIN = /^[ -[\]-~]*$/

/** docker writes segments of a MiB at most; the rest is room for other writers. */
const RECORD_BYTES_MAX = 64 << 20

export class SplitDecoder {
  readonly #sink: (record: SplitRecord) => void
  readonly #onSegmentBytes: ((sizeBytes: number) => void) | undefined
  /** The start of a record that its chunk did not hold whole. */
  #carry: Buffer = Buffer.alloc(0)
  #carried = 0
  /** Where in the carried record the slow scan stands. */
  #scanned = 0
  #depth = 0
  #inString = false
  #escaped = false
  #offset = 0
  #records = 0

  /**
   * @param sink is given each record during `write`; the bytes of a segment are its own copy
   * @param onSegmentBytes where that is all one wants of segments: is told their lengths, and sink no segment. Whether
   * the base64 of docker's lines is any, is not looked at then.
   */
  constructor(sink: (record: SplitRecord) => void, onSegmentBytes?: (sizeBytes: number) => void) {
    this.#sink = sink
    this.#onSegmentBytes = onSegmentBytes
  }

  /** @throws IntegrityError ERR_SPLIT_CORRUPT, LimitError ERR_JSON_MAX */
  write(chunk: Uint8Array): void {
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    if (this.#carried > 0) {
      bytes = this.#join(bytes)
    }
    let at = 0
    for (;;) {
      while (at < bytes.length && isSpace(bytes[at]!)) at++
      if (at === bytes.length) break
      const next = this.#readRecord(bytes, at)
      if (next < 0) break
      at = next
    }
    this.#keep(bytes, at)
  }

  /** @throws IntegrityError ERR_SPLIT_CORRUPT if it ends inside of a record */
  end(): void {
    if (this.#carried > 0) throw this.#corrupt('it ends in the middle of a record')
  }

  #join(chunk: Buffer): Buffer {
    const need = this.#carried + chunk.length
    if (need > this.#carry.length) {
      const grown = Buffer.allocUnsafe(Math.max(need, this.#carry.length * 2))
      this.#carry.copy(grown, 0, 0, this.#carried)
      this.#carry = grown
    }
    chunk.copy(this.#carry, this.#carried)
    return this.#carry.subarray(0, need)
  }

  #keep(bytes: Buffer, at: number): void {
    const left = bytes.length - at
    this.#offset += at
    if (left > RECORD_BYTES_MAX) {
      throw new LimitError(
        'ERR_JSON_MAX',
        `cannot read tar-split: record ${this.#records} is longer than ${RECORD_BYTES_MAX} bytes`,
        { details: { limit: RECORD_BYTES_MAX } },
      )
    }
    if (left > 0 && (bytes.buffer !== this.#carry.buffer || at > 0)) {
      if (this.#carry.length < left) this.#carry = Buffer.allocUnsafe(Math.max(left, 4096))
      bytes.copy(this.#carry, 0, at)
    }
    this.#carried = left
  }

  /** Delivers the record at `at`. Returns where it ends, or -1 if the bytes end first. */
  #readRecord(bytes: Buffer, at: number): number {
    if (this.#scanned === 0) {
      const end = this.#readSegment(bytes, at)
      if (end > 0) return end
      const fileEnd = end === 0 ? this.#readFile(bytes, at) : end
      if (fileEnd > 0) return fileEnd
    }
    return this.#readAny(bytes, at)
  }

  /** The canonical segment line; 0 if this is none, -1 if it is not whole. */
  #readSegment(bytes: Buffer, at: number): number {
    if (!startsWith(bytes, at, SEGMENT_START)) return 0
    const from = at + SEGMENT_START.length
    const to = bytes.indexOf(QUOTE, from)
    if (to < 0) return -1
    if (!startsWith(bytes, to, SEGMENT_END)) return 0
    const number = to + SEGMENT_END.length
    const end = skipNumber(bytes, number)
    if (end === number || bytes[end] !== CLOSE) return 0
    if (this.#onSegmentBytes && (to - from) % 4 === 0 && to - from > 4) {
      const fill = bytes[to - 2] === FILL ? 2 : bytes[to - 1] === FILL ? 1 : 0
      this.#records++
      this.#onSegmentBytes(((to - from) / 4) * 3 - fill)
      return end + 1
    }
    const decoded = decodeBase64(bytes.toString('latin1', from, to))
    // JSON may escape any char of it: left to the slow way, which also words the error.
    if (decoded === undefined) return 0
    this.#deliver({ kind: 'segment', bytes: decoded })
    return end + 1
  }

  /**
   * The canonical file line with a name of plain ASCII; 0 if this is none. What is not UTF-8 becomes U+FFFD, as in Go,
   * and a control character is no JSON: both are JSON.parse's to say, or a line would mean one thing whole and another
   * in two chunks.
   */
  #readFile(bytes: Buffer, at: number): number {
    if (!startsWith(bytes, at, FILE_START)) return 0
    const from = at + FILE_START.length
    const to = bytes.indexOf(QUOTE, from)
    const close = to < 0 ? -1 : bytes.indexOf(CLOSE, to)
    if (close < 0 || close - to > 100) return 0
    const name = bytes.toString('latin1', from, to)
    if (!PLAIN.test(name)) return 0
    const rest =
      /^","(?:size":([1-9][0-9]{0,14}),")?payload":(?:null|"([^"\\]*)"),"position":(?:0|[1-9][0-9]*)$/.exec(
        bytes.toString('latin1', to, close),
      )
    if (rest === null) return 0
    this.#deliver(this.#file(name as BytePath, Number(rest[1] ?? 0), rest[2]))
    return close + 1
  }

  /** Any JSON object. Remembers how far it looked, so that a record in many chunks is scanned once. */
  #readAny(bytes: Buffer, at: number): number {
    if (bytes[at] !== OPEN) throw this.#corrupt('a record does not start with {')
    let i = at + this.#scanned
    for (; i < bytes.length; i++) {
      const byte = bytes[i]!
      if (this.#escaped) this.#escaped = false
      else if (byte === BACKSLASH && this.#inString) this.#escaped = true
      else if (byte === QUOTE) this.#inString = !this.#inString
      else if (this.#inString) continue
      else if (byte === OPEN) this.#depth++
      else if (byte === CLOSE && --this.#depth === 0) break
    }
    if (i === bytes.length) {
      this.#scanned = i - at
      return -1
    }
    this.#scanned = 0
    this.#deliver(this.#parse(bytes.toString('utf8', at, i + 1)))
    return i + 1
  }

  #parse(text: string): SplitRecord {
    let value: Record<string, unknown>
    try {
      value = JSON.parse(text) as Record<string, unknown>
    } catch (cause) {
      throw this.#corrupt(`it is no JSON: ${(cause as Error).message}`, cause)
    }
    const payload = value['payload'] ?? undefined
    if (payload !== undefined && typeof payload !== 'string')
      throw this.#corrupt('its payload is no text')
    if (value['type'] === 2) return { kind: 'segment', bytes: this.#base64(payload ?? '') }
    if (value['type'] !== 1)
      throw this.#corrupt(`its type is ${JSON.stringify(value['type'])}, not 1 or 2`)
    const name = value['name'] ?? ''
    const raw = value['name_raw'] ?? ''
    const size = value['size'] ?? 0
    if (typeof name !== 'string' || typeof raw !== 'string')
      throw this.#corrupt('its name is no text')
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
      throw this.#corrupt(`its size is ${JSON.stringify(size)}`)
    }
    const path = raw === '' ? pathFromText(name) : pathFromBytes(this.#base64(raw))
    return this.#file(path, size, payload)
  }

  #file(name: BytePath, sizeBytes: number, payload: string | undefined): FileRecord {
    if (payload === undefined || payload === '') {
      if (sizeBytes > 0) throw this.#corrupt('a file with a size has no checksum')
      return { kind: 'file', name, sizeBytes }
    }
    const checksum = this.#base64(payload)
    if (checksum.length !== 8)
      throw this.#corrupt(`its checksum has ${checksum.length} bytes, not 8`)
    return { kind: 'file', name, sizeBytes, checksum }
  }

  #base64(text: string): Uint8Array {
    const bytes = decodeBase64(text)
    if (bytes === undefined) throw this.#corrupt('its payload is no base64')
    return bytes
  }

  #deliver(record: SplitRecord): void {
    this.#depth = 0
    this.#records++
    if (record.kind === 'segment' && this.#onSegmentBytes) this.#onSegmentBytes(record.bytes.length)
    else this.#sink(record)
  }

  #corrupt(reason: string, cause?: unknown): IntegrityError {
    return new IntegrityError(
      'ERR_SPLIT_CORRUPT',
      `cannot read tar-split: record ${this.#records}: ${reason}`,
      { cause, details: { record: this.#records, offset: this.#offset } },
    )
  }
}

/** Records of whole or chunked tar-split JSON, as they come. */
export async function* decodeSplit(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<SplitRecord, void, undefined> {
  let records: SplitRecord[] = []
  const decoder = new SplitDecoder((record) => records.push(record))
  for await (const chunk of chunks) {
    decoder.write(chunk)
    const ready = records
    records = []
    yield* ready
  }
  decoder.end()
}

/** The same without waiting, for a chunked source that is at hand. */
export function* decodeSplitSync(
  chunks: Iterable<Uint8Array>,
): Generator<SplitRecord, void, undefined> {
  let records: SplitRecord[] = []
  const decoder = new SplitDecoder((record) => records.push(record))
  for (const chunk of chunks) {
    decoder.write(chunk)
    const ready = records
    records = []
    yield* ready
  }
  decoder.end()
}

function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  // Node skips what is no base64; a shorter result tells that there was some.
  const fill = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const whole = text.length % 4 === 0 && bytes.length === (text.length / 4) * 3 - fill
  return whole ? bytes : undefined
}

function isSpace(byte: number): boolean {
  return byte === 0x0a || byte === 0x20 || byte === 0x0d || byte === 0x09
}

function startsWith(bytes: Buffer, at: number, text: Buffer): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false
  return true
}

/** Of a JSON number without sign and fraction; `at` where there is none, as for 07. */
function skipNumber(bytes: Buffer, at: number): number {
  if (bytes[at] === 0x30 && bytes[at + 1] !== CLOSE) return at
  let i = at
  while (i < bytes.length && bytes[i]! >= 0x30 && bytes[i]! <= 0x39) i++
  return i
}
