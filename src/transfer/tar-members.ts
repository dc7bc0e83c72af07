// The index of an outer tar that lies in a file: where each member's bytes are, found by reading headers alone.
// Bodies are stepped over with pread, so an archive of a gigabyte costs as many reads as it has members.

import fs from 'node:fs'
import { DEFAULT_LOAD_LIMITS, type LoadLimits } from '../archive/limits.ts'
import { ArchiveError, LayerStoreError, LimitError } from '../errors.ts'
import { cleanPath, pathText, type BytePath } from '../path/byte-path.ts'
import { fromNodeError } from '../sys/errno.ts'
import type { TarHandler, TarHeader } from '../tar/entry.ts'
import { TarParser } from '../tar/parser.ts'
import { openRegularFile, quoted, readFully, type Member, type Members } from './members.ts'

/** Of a member in the index, beside its name. */
const NAME_OVERHEAD_BYTES = 32
const WINDOW_BYTES = 64 * 1024
/** Stands for a body that is stepped over: the parser counts a body's bytes and looks at none of them. */
const SKIPPED: Buffer = Buffer.alloc(1 << 20)

export class TarMembers implements Members {
  readonly label: string
  private readonly members: ReadonlyMap<BytePath, Member>

  private constructor(label: string, members: ReadonlyMap<BytePath, Member>) {
    this.label = label
    this.members = members
  }

  /**
   * @param file absolute path of a plain tar
   * @param label for messages: the path as the user gave it
   * @throws ArchiveError ERR_TAR_*; LimitError ERR_ENTRIES_MAX, ERR_PATH_MAX
   */
  static read(file: string, label: string, limits: LoadLimits = DEFAULT_LOAD_LIMITS): TarMembers {
    const fd = openRegularFile(file, label)
    try {
      const index = new Indexer(file, label, fs.fstatSync(fd).size, limits.nameBytesMax)
      const parser = new TarParser(index, { ...limits, entriesMax: limits.membersMax })
      const window = Buffer.allocUnsafe(WINDOW_BYTES)
      for (let at = 0; !index.ended;) {
        const read = readFully(fd, window, at)
        if (read === 0) break
        parser.write(window.subarray(0, read))
        at += read
        while (index.bodyLeft > 0) {
          const step = Math.min(index.bodyLeft, SKIPPED.length)
          parser.write(step === SKIPPED.length ? SKIPPED : SKIPPED.subarray(0, step))
          at += step
        }
      }
      parser.end()
      return new TarMembers(label, index.members)
    } catch (error) {
      throw named(label, error)
    } finally {
      fs.closeSync(fd)
    }
  }

  get(path: BytePath): Member | undefined {
    return this.members.get(path)
  }

  top(): readonly BytePath[] {
    const names = new Set<string>()
    for (const path of this.members.keys()) names.add(path.split('/', 1)[0]!)
    return [...names] as BytePath[]
  }
}

class Indexer implements TarHandler {
  readonly members = new Map<BytePath, Member>()
  bodyLeft = 0
  ended = false
  private readonly file: string
  private readonly label: string
  private readonly fileBytes: number
  private readonly nameBytesMax: number
  private consumedBytes = 0
  private nameBytes = 0

  constructor(file: string, label: string, fileBytes: number, nameBytesMax: number) {
    this.nameBytesMax = nameBytesMax
    this.file = file
    this.label = label
    this.fileBytes = fileBytes
  }

  raw(bytes: Uint8Array): void {
    this.consumedBytes += bytes.length
  }

  entry(header: TarHeader): void {
    const offset = this.consumedBytes
    const { sizeBytes } = header
    if (offset + sizeBytes > this.fileBytes) {
      throw new ArchiveError(
        'ERR_TAR_TRUNCATED',
        `cannot read ${this.label}: it ends in ${quoted(header.path)}, ${offset + sizeBytes - this.fileBytes} bytes are missing; copy or make it again`,
        {
          details: {
            entry: pathText(header.path),
            expected: offset + sizeBytes,
            actual: this.fileBytes,
          },
        },
      )
    }
    this.bodyLeft = sizeBytes
    const { path, escapes } = cleanPath(header.path)
    // Nothing inside the archive can mean such a member, so it need not be there.
    if (escapes || path === '') return
    // As when a tar is unpacked, the last of equal names stays.
    this.countName(path.length + header.linkPath.length)
    this.members.set(path, memberOf(header, { file: this.file, offset, sizeBytes }))
  }

  private countName(bytes: number): void {
    this.nameBytes += bytes + NAME_OVERHEAD_BYTES
    if (this.nameBytes <= this.nameBytesMax) return
    throw new LimitError(
      'ERR_ENTRIES_MAX',
      `cannot read ${this.label}: the names of its members have more than ${this.nameBytesMax} bytes`,
      { details: { name: 'name-bytes', limit: this.nameBytesMax } },
    )
  }

  body(bytes: Uint8Array): void {
    this.consumedBytes += bytes.length
    this.bodyLeft -= bytes.length
  }

  bodyEnd(): void {}

  globalHeader(): void {}

  archiveEnd(): void {
    this.ended = true
  }
}

function memberOf(
  header: TarHeader,
  range: { readonly file: string; readonly offset: number; readonly sizeBytes: number },
): Member {
  switch (header.type) {
    case 'file':
      // Its bytes in the archive are the pieces without the holes: another file than the one that was packed.
      return header.sparse ? { kind: 'other', what: 'a sparse file' } : { kind: 'file', range }
    case 'directory':
      return { kind: 'directory' }
    case 'symlink':
    case 'hardlink':
      return { kind: header.type, target: header.linkPath }
    case 'fifo':
      return { kind: 'other', what: 'a FIFO' }
    case 'char':
    case 'block':
      return { kind: 'other', what: 'a device' }
  }
}

/** The parser does not know whose bytes it reads; people need to. */
function named(label: string, error: unknown): unknown {
  if (!(error instanceof LayerStoreError)) return fromNodeError(`read ${label}`, error)
  if (!error.message.startsWith('cannot read tar: ')) return error
  const Class = error.constructor as typeof LayerStoreError
  // The parser calls entries what are members here, and so does its limit.
  const details =
    error.code === 'ERR_ENTRIES_MAX' ? { ...error.details, name: 'members' } : error.details
  return new Class(error.code, error.message.replace('cannot read tar', `cannot read ${label}`), {
    cause: error,
    details,
  })
}
