// tar-split.json.gz on disk: records in, gzip members out, and back. Several members of about a MiB of JSON each, which
// every gzip reader takes as one stream; so a writer holds no more than that, and compresses without waiting.

import fs from 'node:fs'
import zlib from 'node:zlib'
import { IntegrityError } from '../errors.ts'
import { fromNodeError } from '../sys/errno.ts'
import { SplitEncoder } from '../tar-split/codec.ts'
import { SplitDecoder } from '../tar-split/decoder.ts'
import type { SplitSink } from '../tar-split/disassemble.ts'
import type { FileRecord, SplitRecord } from '../tar-split/record.ts'
import { gunzip } from './gunzip.ts'

const MEMBER_BYTES = 1 << 20
const MODE = 0o644

/** A new file, never one that is there. Not flushed to disk: the caller's syncfs is. */
export class SplitWriter implements SplitSink {
  readonly #encoder = new SplitEncoder()
  readonly #path: string
  #fd: number

  constructor(path: string) {
    this.#path = path
    try {
      this.#fd = fs.openSync(path, 'wx', MODE)
      fs.fchmodSync(this.#fd, MODE)
    } catch (error) {
      throw fromNodeError(`write ${path}`, error)
    }
  }

  segment(bytes: Uint8Array): void {
    this.#encoder.segment(bytes)
    if (this.#encoder.pendingBytes >= MEMBER_BYTES) this.#flush()
  }

  file(record: FileRecord): void {
    this.#encoder.file(record)
    if (this.#encoder.pendingBytes >= MEMBER_BYTES) this.#flush()
  }

  end(): void {
    this.#flush()
    this.close()
  }

  /** Without what is pending; for a file that is given up. Idempotent. */
  close(): void {
    if (this.#fd >= 0) fs.closeSync(this.#fd)
    this.#fd = -1
  }

  #flush(): void {
    const member = zlib.gzipSync(this.#encoder.take(), { level: 1 })
    try {
      for (let at = 0; at < member.length;) at += fs.writeSync(this.#fd, member, at)
    } catch (error) {
      throw fromNodeError(`write ${this.#path}`, error)
    }
  }
}

/**
 * The records of a tar-split.json.gz, whoever wrote it.
 * @throws IntegrityError ERR_SPLIT_CORRUPT
 */
export async function* readSplit(path: string): AsyncGenerator<SplitRecord> {
  for await (const records of splitBatches(path)) yield* records
}

/** The same, as many at a time as come out of a chunk: a promise a record would cost more than the record. */
export async function* splitBatches(path: string): AsyncGenerator<readonly SplitRecord[]> {
  let records: SplitRecord[] = []
  const decoder = new SplitDecoder((record) => records.push(record))
  for await (const chunk of splitChunks(path)) {
    decoder.write(chunk)
    const ready = records
    records = []
    yield ready
  }
  decoder.end()
}

/**
 * The JSON; each chunk is valid until the next is asked for.
 * @throws IntegrityError ERR_SPLIT_CORRUPT
 */
export async function* splitChunks(path: string): AsyncGenerator<Uint8Array> {
  const chunks = gunzip(fileChunks(path), { overlap: () => false })
  try {
    yield* chunks
  } catch (error) {
    throw splitReadError(error, path)
  }
}

const READ_BYTES = 256 << 10

async function* fileChunks(path: string): AsyncGenerator<Uint8Array> {
  const fd = fs.openSync(path, 'r')
  try {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
    for (let length; (length = fs.readSync(fd, buffer)) > 0;) yield buffer.subarray(0, length)
  } finally {
    fs.closeSync(fd)
  }
}

/** What reading a tar-split.json.gz failed of: damaged gzip data is the store's fault, the rest the host's. */
function splitReadError(error: unknown, path: string): unknown {
  // What gunzip says of the data has no code, or zlib's; a system call's has errno's.
  const code = (error as NodeJS.ErrnoException).code ?? 'Z_'
  if (!code.startsWith('Z_')) return fromNodeError(`read ${path}`, error)
  return new IntegrityError(
    'ERR_SPLIT_CORRUPT',
    `cannot read ${path}: its gzip data is damaged (${(error as Error).message})`,
    {
      cause: error,
      details: { path },
    },
  )
}
