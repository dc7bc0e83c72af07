// A program of its own: `node floor-pieces.js OUT PLAIN... -- GZIP...` does what a load must do, piece by piece, and
// prints the seconds of each as JSON. Only the piece itself is on the clock: reading and parsing for it are not.
// No path is made safe and no digest compared; it is a floor and no loader.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import type { TarHeader } from '../src/tar/entry.ts'
import { TarParser } from '../src/tar/parser.ts'
import { Crc64 } from '../src/tar-split/crc64.ts'
import type { Pieces } from './floor.ts'

const CHUNK_BYTES = 1 << 20
const [out, ...rest] = process.argv.slice(2)
const dash = rest.indexOf('--')
const plain = rest.slice(0, dash)
const gzip = rest.slice(dash + 1)
const isRoot = process.getuid?.() === 0

function clock(): { readonly seconds: number; time(piece: () => void): void } {
  let nanoseconds = 0n
  return {
    get seconds() {
      return Number(nanoseconds) / 1e9
    },
    time(piece) {
      const begin = process.hrtime.bigint()
      piece()
      nanoseconds += process.hrtime.bigint() - begin
    },
  }
}

function forEachChunk(
  files: readonly string[],
  visit: (chunk: Buffer, file: number) => void,
): void {
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  files.forEach((file, i) => {
    const fd = fs.openSync(file, 'r')
    try {
      for (;;) {
        const read = fs.readSync(fd, buffer, 0, buffer.length, null)
        if (read === 0) break
        visit(buffer.subarray(0, read), i)
      }
    } finally {
      fs.closeSync(fd)
    }
  })
}

function hashing(files: readonly string[]): number {
  const spent = clock()
  const hashes = files.map(() => createHash('sha256'))
  forEachChunk(files, (chunk, i) => spent.time(() => hashes[i]!.update(chunk)))
  for (const hash of hashes) spent.time(() => hash.digest())
  return spent.seconds
}

/** The whole stream is on the clock: Node inflates in its pool while this thread waits, one chunk at a time. */
async function inflating(files: readonly string[]): Promise<number> {
  let seconds = 0
  for (const file of files) {
    const compressed = fs.readFileSync(file)
    const begin = process.hrtime.bigint()
    await new Promise<void>((resolve, reject) => {
      const gunzip = zlib.createGunzip({ chunkSize: CHUNK_BYTES })
      gunzip.on('data', () => {})
      gunzip.on('end', resolve)
      gunzip.on('error', reject)
      gunzip.end(compressed)
    })
    seconds += Number(process.hrtime.bigint() - begin) / 1e9
  }
  return seconds
}

function checksumming(files: readonly string[]): number {
  const spent = clock()
  const nothing = (): void => {}
  for (const file of files) {
    const crc = new Crc64()
    const parser = new TarParser({
      raw: nothing,
      entry: () => crc.reset(),
      body: (bytes) => spent.time(() => crc.update(bytes)),
      bodyEnd: nothing,
      globalHeader: nothing,
    })
    forEachChunk([file], (chunk) => parser.write(chunk))
    parser.end()
  }
  return spent.seconds
}

/** Every entry made by plain calls on plain paths, with owner, mode and times; directories' times in the end. */
function creating(files: readonly string[], dir: string): number {
  const spent = clock()
  files.forEach((file, i) => {
    const root = path.join(dir, String(i))
    fs.mkdirSync(root, { recursive: true })
    const times = new Map<string, number>()
    const made = new Set([root])
    let fd = -1
    let current: TarHeader | undefined
    const parser = new TarParser({
      raw: () => {},
      entry(header) {
        current = header
        const name = Buffer.from(header.path.replace(/\/+$/, ''), 'latin1').toString('latin1')
        const at = path.posix.join(root, name)
        const parent = path.posix.dirname(at)
        spent.time(() => {
          if (!made.has(parent)) {
            fs.mkdirSync(bytesOf(parent), { recursive: true })
            made.add(parent)
          }
          fd = create(header, at, root, made)
        })
        if (header.type === 'directory') times.set(at, Number(header.mtimeNs) / 1e9)
      },
      body(bytes) {
        if (fd >= 0) spent.time(() => void fs.writeSync(fd, bytes))
      },
      bodyEnd() {
        if (fd < 0) return
        const header = current!
        spent.time(() => {
          if (isRoot) fs.fchownSync(fd, header.uid, header.gid)
          fs.fchmodSync(fd, header.mode)
          const seconds = Number(header.mtimeNs) / 1e9
          fs.futimesSync(fd, seconds, seconds)
          fs.closeSync(fd)
        })
        fd = -1
      },
      globalHeader: () => {},
    })
    forEachChunk([file], (chunk) => parser.write(chunk))
    parser.end()
    spent.time(() => {
      for (const [name, seconds] of times) fs.utimesSync(bytesOf(name), seconds, seconds)
    })
  })
  return spent.seconds
}

function bytesOf(name: string): Buffer {
  return Buffer.from(name, 'latin1')
}

/** @returns an open file, or -1 for what has no body */
function create(header: TarHeader, at: string, root: string, made: Set<string>): number {
  const name = bytesOf(at)
  if (header.type === 'directory') {
    if (!made.has(at)) fs.mkdirSync(name, { recursive: true })
    made.add(at)
    if (isRoot) fs.chownSync(name, header.uid, header.gid)
    fs.chmodSync(name, header.mode)
    return -1
  }
  if (header.type === 'symlink') {
    fs.symlinkSync(bytesOf(header.linkPath), name)
    if (isRoot) fs.lchownSync(name, header.uid, header.gid)
    const seconds = Number(header.mtimeNs) / 1e9
    fs.lutimesSync(name, seconds, seconds)
    return -1
  }
  if (header.type === 'hardlink') {
    fs.linkSync(bytesOf(path.posix.join(root, header.linkPath)), name)
    return -1
  }
  // Devices and pipes need calls that Node has not; an image has a handful of them at most.
  return header.type === 'file' ? fs.openSync(name, 'wx', 0o600) : -1
}

const pieces: Pieces = {
  inflate: await inflating(gzip),
  sha256Tars: hashing(plain),
  sha256Blobs: hashing(gzip),
  crc64: checksumming(plain),
  createFiles: creating(plain, out!),
}
process.stdout.write(`${JSON.stringify(pieces)}\n`)
