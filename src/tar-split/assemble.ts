// From tar-split records and the files they point at, back to the tar, bit for bit.
// Knows that each body must have its recorded size and checksum; where the files are is the FileSource's business, and
// so is that a name like `../x` or a symlink on the way leads nowhere else.

import { IntegrityError } from '../errors.ts'
import type { BytePath } from '../path/byte-path.ts'
import { pathText } from '../path/byte-path.ts'
import { Crc64 } from './crc64.ts'
import type { FileRecord, SplitRecord } from './record.ts'

/** The layer's files, by the names the records have (as in the tar: not cleaned). */
export interface FileSource {
  /** Throws if there is no such file. */
  open(name: BytePath): FileBody
}

export interface FileBody {
  readonly sizeBytes: number
  /** Reads on from where the last call ended. Returns how many bytes it wrote to the start of `into`; 0 at the end. */
  read(into: Uint8Array): number
  close(): void
}

const CHUNK_BYTES = 1 << 20

export interface AssembleOptions {
  /** Bytes of one chunk; the last is shorter. Default 1 MiB. */
  readonly chunkBytes?: number
  /**
   * So many chunks take turns, and each is valid until its turn comes again: for callers that hash or write them at
   * once. Default: each is new.
   */
  readonly chunks?: number | undefined
  /**
   * Compare each body with its recorded checksum. Default true. Without, a changed file of the right size passes
   * unnoticed here: for callers that hold the whole tar against its diffID, which says more and costs nothing extra.
   */
  readonly checksums?: boolean
}

/** Fills chunks with records; for who has the records a batch at a time. `tryAdd` first, then `add`; `end` at the end. */
export class Assembly {
  readonly #files: FileSource
  readonly #chunkBytes: number
  /** Chunks to be used again; empty where each is new. */
  readonly #turns: Buffer[]
  #turn = 0
  readonly #checksums: boolean
  readonly #crc: Crc64 = new Crc64()
  #chunk: Buffer
  #used = 0

  constructor(files: FileSource, options: AssembleOptions = {}) {
    this.#files = files
    this.#chunkBytes = options.chunkBytes ?? CHUNK_BYTES
    this.#checksums = options.checksums ?? true
    this.#turns = Array.from({ length: options.chunks ?? 0 }, () => this.#newChunk())
    this.#chunk = this.#turns[0] ?? this.#newChunk()
  }

  #newChunk(): Buffer {
    return Buffer.allocUnsafeSlow(this.#chunkBytes)
  }

  /** Whether the record fits into the chunk that is being filled, and is in it now: no generator for most records. */
  tryAdd(record: SplitRecord): boolean {
    if (record.kind === 'file') return !hasBody(record) || this.#tryAddFile(record)
    if (record.bytes.length > this.#chunkBytes - this.#used) return false
    this.#chunk.set(record.bytes, this.#used)
    this.#used += record.bytes.length
    return true
  }

  /**
   * A file that fits, in one read that asks for a byte more than the record has: where that one is not there, the size
   * is right without a look at it. Anything else is `add`'s to word.
   */
  #tryAddFile(record: FileRecord): boolean {
    const { name, sizeBytes } = record
    if (this.#checksums || sizeBytes >= this.#chunkBytes - this.#used) return false
    const file = this.#files.open(name)
    try {
      const read = file.read(this.#chunk.subarray(this.#used, this.#used + sizeBytes + 1))
      if (read !== sizeBytes) return false
      this.#used += read
      return true
    } finally {
      file.close()
    }
  }

  *add(record: SplitRecord): Generator<Uint8Array, void, undefined> {
    if (record.kind === 'file') {
      if (hasBody(record)) yield* this.#addFile(record)
      return
    }
    let at = 0
    while (at < record.bytes.length) {
      if (this.#used === this.#chunkBytes) yield this.#take()
      const next = Math.min(record.bytes.length, at + this.#chunkBytes - this.#used)
      this.#chunk.set(record.bytes.subarray(at, next), this.#used)
      this.#used += next - at
      at = next
    }
  }

  *end(): Generator<Uint8Array, void, undefined> {
    if (this.#used > 0) yield this.#take()
  }

  *#addFile(record: FileRecord): Generator<Uint8Array, void, undefined> {
    const { name, sizeBytes } = record
    const file = this.#files.open(name)
    try {
      if (file.sizeBytes !== sizeBytes) {
        throw changed(name, `it has ${file.sizeBytes} bytes, its layer was made with ${sizeBytes}`)
      }
      this.#crc.reset()
      let left = sizeBytes
      while (left > 0) {
        if (this.#used === this.#chunkBytes) yield this.#take()
        const room = Math.min(left, this.#chunkBytes - this.#used)
        const into = this.#chunk.subarray(this.#used, this.#used + room)
        const read = file.read(into)
        if (read === 0) throw changed(name, `it ends ${left} bytes early`)
        if (this.#checksums) this.#crc.update(read === room ? into : into.subarray(0, read))
        this.#used += read
        left -= read
      }
      if (!this.#checksums) return
      const expected = hex(record.checksum)
      const actual = hex(this.#crc.digest())
      if (actual !== expected) {
        throw changed(name, `its checksum is ${actual}, its layer was made with ${expected}`)
      }
    } finally {
      file.close()
    }
  }

  #take(): Uint8Array {
    const full = this.#chunk.subarray(0, this.#used)
    this.#used = 0
    this.#turn = (this.#turn + 1) % Math.max(1, this.#turns.length)
    this.#chunk = this.#turns[this.#turn] ?? this.#newChunk()
    return full
  }
}

/**
 * Docker writes the size field of a hardlink or directory that has one (it should not) into the record, with the
 * checksum of no bytes at all, which is zero; and then cannot rebuild that tar. Taken for what it means, it can be.
 */
function hasBody(record: FileRecord): boolean {
  return record.sizeBytes > 0 && record.checksum?.some((byte) => byte !== 0) !== false
}

function hex(checksum: Uint8Array | undefined): string {
  return checksum === undefined ? 'missing' : Buffer.from(checksum).toString('hex')
}

function changed(name: BytePath, reason: string): IntegrityError {
  const entry = pathText(name)
  return new IntegrityError(
    'ERR_FILE_CHECKSUM',
    `cannot rebuild the layer's tar: ${JSON.stringify(entry)} has changed since it was loaded: ${reason}`,
    { details: { entry } },
  )
}

/**
 * The tar, in chunks of a MiB. Synchronous: meant for a worker that owns its disk reads.
 * @throws IntegrityError ERR_FILE_CHECKSUM, naming the file; whatever `files` throws
 */
export function* assembleSync(
  records: Iterable<SplitRecord>,
  files: FileSource,
  options: AssembleOptions = {},
): Generator<Uint8Array, void, undefined> {
  const assembly = new Assembly(files, options)
  for (const record of records) {
    if (!assembly.tryAdd(record)) yield* assembly.add(record)
  }
  yield* assembly.end()
}

/**
 * The same as a stream. File bodies are still read synchronously, a chunk at a time.
 * @throws IntegrityError ERR_FILE_CHECKSUM, naming the file; whatever `files` and `records` throw
 */
export async function* assemble(
  records: AsyncIterable<SplitRecord> | Iterable<SplitRecord>,
  files: FileSource,
  options: AssembleOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const assembly = new Assembly(files, options)
  for await (const record of records) {
    if (!assembly.tryAdd(record)) yield* assembly.add(record)
  }
  yield* assembly.end()
}
