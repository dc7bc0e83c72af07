// From a tar to tar-split records, as dockerd 20.10 writes them: a segment holds every byte from the end of one payload
// to the start of the next, then comes one file record for the member.
// Knows what a directory of files cannot give back, and keeps those bodies in segments; never sees that directory.
//
// A body kept in segments has no file record at all. Docker rebuilds such a tar exactly, since it only concatenates, and
// its reader, which refuses a name that comes twice, has nothing to refuse.

import { basename, cleanPath } from '../path/byte-path.ts'
import type { BytePath } from '../path/byte-path.ts'
import { NameSet } from '../path/name-set.ts'
import type { TarHandler, TarHeader, TarLimits } from '../tar/entry.ts'
import { TarParser } from '../tar/parser.ts'
import { Crc64 } from './crc64.ts'
import type { FileRecord, SplitRecord } from './record.ts'

/** Where records go, in order. A segment's bytes are only valid during the call. SplitEncoder is one. */
export interface SplitSink {
  segment(bytes: Uint8Array): void
  file(record: FileRecord): void
}

export interface DisassembleOptions {
  /**
   * Keep this member's body in segments instead of pointing at a file: for what the caller knows about its directory
   * (another entry replaces the file, its path leads through an absolute symlink, it could not be written). Asked once
   * for each member that has a body, before it: a record without one points at nothing, and docker writes it for all.
   */
  readonly embed?: (header: TarHeader) => boolean
}

/** As docker cuts what follows the archive's end; also bounds the memory that an embedded body takes. */
const SEGMENT_BYTES_MAX = 1 << 20

export class Disassembler implements TarHandler {
  readonly #sink: SplitSink
  readonly #embed: ((header: TarHeader) => boolean) | undefined
  readonly #crc: Crc64 = new Crc64()
  #segment: Buffer = Buffer.allocUnsafe(4096)
  #used = 0
  /** Outside of headers: what is pending may be cut anywhere. */
  #cuttable = false
  #header: TarHeader | undefined
  /** Cleaned names of the records so far, and of those that point at a body. */
  readonly #names: NameSet = new NameSet()
  readonly #bodies: NameSet = new NameSet()
  readonly #replaced: NameSet = new NameSet()

  constructor(sink: SplitSink, options: DisassembleOptions = {}) {
    this.#sink = sink
    this.#embed = options.embed
  }

  /**
   * Cleaned names that came again after a member with a body. A directory keeps one file of a name, the later one, so
   * the record of the earlier points at bytes that are gone: disassemble again with `embed` true for these names
   * (`cleanPath(header.recordName).path`). Empty for nearly every tar.
   */
  get replaced(): NameSet {
    return this.#replaced
  }

  raw(bytes: Uint8Array): void {
    this.#append(bytes)
  }

  entry(header: TarHeader): void {
    const { path, escapes } = cleanPath(header.recordName)
    const lost = escapes || isLost(header, path)
    const hasBody = header.sizeBytes > 0
    const embedded = lost || (hasBody && this.#embed?.(header) === true)
    if (embedded || !this.#claim(path, hasBody)) {
      this.#header = undefined
      // No record ends the segment here, and a tar can go on like this for gigabytes.
      this.#cuttable = true
      return
    }
    this.#cuttable = false
    this.#flush()
    this.#header = header
    this.#crc.reset()
  }

  body(bytes: Uint8Array): void {
    if (this.#header === undefined) this.#append(bytes)
    else this.#crc.update(bytes)
  }

  bodyEnd(): void {
    const header = this.#header
    if (header === undefined) return
    this.#header = undefined
    const { recordName: name, sizeBytes } = header
    if (sizeBytes === 0) this.#sink.file({ kind: 'file', name, sizeBytes })
    else this.#sink.file({ kind: 'file', name, sizeBytes, checksum: this.#crc.digest() })
  }

  globalHeader(name: BytePath): void {
    this.#cuttable = !this.#claim(cleanPath(name).path, false)
    if (this.#cuttable) return
    this.#flush()
    this.#sink.file({ kind: 'file', name, sizeBytes: 0 })
  }

  archiveEnd(): void {
    this.#flush()
    this.#cuttable = true
  }

  /** After the parser's end. The empty segment is what docker up to v24 closes with; later ones read over it. */
  end(): void {
    this.#flush()
    this.#sink.segment(this.#segment.subarray(0, 0))
  }

  /** Docker refuses a tar-split with two records of one name, so only the first member of a name has one. */
  #claim(path: BytePath, hasBody: boolean): boolean {
    if (this.#names.add(path)) {
      if (hasBody) this.#bodies.add(path)
      return true
    }
    if (this.#bodies.has(path)) this.#replaced.add(path)
    return false
  }

  #append(bytes: Uint8Array): void {
    if (this.#cuttable) this.#appendCut(bytes)
    else this.#copy(bytes)
  }

  #appendCut(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#used >= SEGMENT_BYTES_MAX) this.#flush()
      const next = Math.min(bytes.length, at + SEGMENT_BYTES_MAX - this.#used)
      this.#copy(bytes.subarray(at, next))
      at = next
    }
  }

  #copy(bytes: Uint8Array): void {
    const need = this.#used + bytes.length
    if (need > this.#segment.length) {
      const grown = Buffer.allocUnsafe(Math.max(need, this.#segment.length * 2))
      this.#segment.copy(grown, 0, 0, this.#used)
      this.#segment = grown
    }
    this.#segment.set(bytes, this.#used)
    this.#used = need
  }

  #flush(): void {
    if (this.#used === 0) return
    this.#sink.segment(this.#segment.subarray(0, this.#used))
    this.#used = 0
  }
}

/** Bodies that no directory gives back, whoever asks. */
function isLost(header: TarHeader, path: BytePath): boolean {
  // Which bytes of a sparse file's payload are map and which are data is not on disk.
  if (header.sparse !== undefined) return true
  // A whiteout becomes a device or an xattr: whatever was in its file is gone.
  return header.sizeBytes > 0 && basename(path).startsWith('.wh.')
}

export interface DisassembleStreamOptions extends DisassembleOptions {
  readonly limits?: Partial<TarLimits>
}

/**
 * Passes a tar through unchanged and tells its records on the way; each is delivered before the bytes that follow it.
 * Where a name comes twice, the one record of that name is for its first member, and later bodies are in segments.
 * @throws what TarParser throws
 */
export async function* disassemble(
  tar: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  onRecord: (record: SplitRecord) => void | Promise<void>,
  options: DisassembleStreamOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  let records: SplitRecord[] = []
  const sink: SplitSink = {
    segment: (bytes) => records.push({ kind: 'segment', bytes: new Uint8Array(bytes) }),
    file: (record) => records.push(record),
  }
  const disassembler = new Disassembler(sink, options)
  const parser = new TarParser(disassembler, options.limits)
  const deliver = async (): Promise<void> => {
    const ready = records
    records = []
    for (const record of ready) await onRecord(record)
  }
  for await (const chunk of tar) {
    parser.write(chunk)
    await deliver()
    yield chunk
  }
  parser.end()
  disassembler.end()
  await deliver()
}
