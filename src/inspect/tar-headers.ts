// What the tar of a layer said of each path, out of tar-split: the owners, modes and devices that the disk of an
// ordinary user's store cannot hold. Parses tar-split's raw bytes again; the bodies in between are stood in for by
// zeros, since a header never depends on them.

import { createHash } from 'node:crypto'
import { readSplit } from '../archive/split-file.ts'
import { cleanPath, type BytePath } from '../path/byte-path.ts'
import type { TarHandler, TarHeader } from '../tar/entry.ts'
import { TarParser } from '../tar/parser.ts'
import type { HeaderSupplement } from '../view/directory-layer.ts'

const ZEROS = Buffer.alloc(1 << 20)

/** XATTR_SIZE_MAX of the kernel: a larger value is on nobody's disk. */
const VALUE_BYTES_MAX = 1 << 16
/** Of one layer, all together. Images have some kilobytes; who has more means harm, and goes without. */
const VALUES_BYTES_MAX = 16 << 20

/** By clean path. @throws IntegrityError ERR_SPLIT_CORRUPT; ArchiveError, which a tar that was applied cannot give */
export async function readTarHeaders(splitPath: string): Promise<TarHeaders> {
  const headers = new TarHeaders()
  const parser = new TarParser(new HeaderCollector(headers))
  for await (const record of readSplit(splitPath)) {
    if (record.kind === 'segment') parser.write(record.bytes)
    else {
      for (let left = record.sizeBytes; left > 0; left -= ZEROS.length) {
        parser.write(left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS)
      }
    }
  }
  return headers
}

/** Longer names stand as their digest: thousands of four kilobytes each would be most of what is kept. */
const NAME_BYTES_MAX = 160

/** By path. */
export class TarHeaders {
  readonly #supplements = new Map<string, HeaderSupplement>()

  get(path: BytePath): HeaderSupplement | undefined {
    return this.#supplements.get(keyOf(path))
  }

  set(path: BytePath, supplement: HeaderSupplement): void {
    this.#supplements.set(keyOf(path), supplement)
  }
}

/** No path has a NUL. */
function keyOf(path: BytePath): string {
  if (path.length <= NAME_BYTES_MAX) return path
  return `\0${createHash('sha256').update(path, 'latin1').digest('base64')}`
}

class HeaderCollector implements TarHandler {
  readonly #headers: TarHeaders
  #valuesBytes = 0

  constructor(headers: TarHeaders) {
    this.#headers = headers
  }

  entry(header: TarHeader): void {
    const path = cleanPath(header.path).path
    const target = header.type === 'hardlink' ? cleanPath(header.linkPath).path : undefined
    const linked = target === undefined ? undefined : this.#headers.get(target)
    const supplement: HeaderSupplement = {
      ...(header.type === 'hardlink' ? typeOf(linked) : { type: header.type }),
      mode: header.mode,
      uid: header.uid,
      gid: header.gid,
      devMajor: linked?.devMajor ?? header.devMajor,
      devMinor: linked?.devMinor ?? header.devMinor,
      xattrs: linked?.xattrs ?? this.#kept(header.xattrs),
    }
    this.#headers.set(path, supplement)
    // A hardlink's header speaks of the inode, so of all its names: docker applies owner and mode again.
    if (target !== undefined) this.#headers.set(target, supplement)
  }

  #kept(xattrs: TarHeader['xattrs']): TarHeader['xattrs'] {
    if (xattrs.size === 0) return xattrs
    const kept = new Map(xattrs)
    for (const [name, value] of xattrs) {
      if (value.length > VALUE_BYTES_MAX || this.#valuesBytes + value.length > VALUES_BYTES_MAX)
        kept.delete(name)
      else this.#valuesBytes += value.length
    }
    return kept
  }

  raw(): void {}
  body(): void {}
  bodyEnd(): void {}
  globalHeader(): void {}
}

function typeOf(linked: HeaderSupplement | undefined): Pick<HeaderSupplement, 'type'> {
  return linked?.type === undefined ? {} : { type: linked.type }
}
