// What a reader lists of a tar, in one form for all readers, and what shale and its lint say of the same bytes.

import type { DiffID } from '../../../src/digest/digest.ts'
import { LayerStoreError } from '../../../src/errors.ts'
import { Findings } from '../../../src/lint/findings.ts'
import { NodeBudget } from '../../../src/lint/layer-tree.ts'
import { LayerReader } from '../../../src/lint/layer-reader.ts'
import type { TarHandler, TarHeader } from '../../../src/tar/entry.ts'
import { TarParser } from '../../../src/tar/parser.ts'

/** `directory a/b`, `symlink a -> b`, `file a 12`: bytes of names as latin-1. */
export type Member = string

/** undefined: refused. */
export type Listing = readonly Member[] | undefined

/** @param link of links @param sizeBytes of files: what a sparse one has when it is unpacked */
export function memberText(type: string, name: string, link: string, sizeBytes: number): Member {
  if (type === 'file') return `file ${name} ${sizeBytes}`
  // Some readers keep the slash that tars give directories, some take it off.
  const bare = type === 'directory' ? name.replace(/(?<=.)\/+$/s, '') : name
  return type === 'symlink' || type === 'hardlink'
    ? `${type} ${bare} -> ${link}`
    : `${type} ${bare}`
}

class Lister implements TarHandler {
  readonly members: Member[] = []
  raw(): void {}
  body(): void {}
  bodyEnd(): void {}
  globalHeader(): void {}
  entry({ type, path, linkPath, sizeBytes, sparse }: TarHeader): void {
    this.members.push(memberText(type, path, linkPath, sparse?.realSizeBytes ?? sizeBytes))
  }
}

export function listByShale(tar: Buffer): Listing {
  const lister = new Lister()
  return takes(tar, lister) ? lister.members : undefined
}

function takes(tar: Buffer, handler: TarHandler): boolean {
  try {
    const parser = new TarParser(handler)
    parser.write(tar)
    parser.end()
    return true
  } catch (error) {
    if (error instanceof LayerStoreError) return false
    throw error
  }
}

/** Each finding as `rule: message`. */
export function lintTar(tar: Buffer): string[] {
  const findings = new Findings(() => true)
  findings.startLayer(1, `sha256:${'0'.repeat(64)}` as DiffID)
  const reader = new LayerReader(0, findings, new NodeBudget(), { nowNs: 0n })
  if (!takes(tar, reader)) return []
  reader.finish()
  for (const { path } of reader.missingTargets) {
    findings.add('hardlink-to-nothing', { path, message: 'what image-lint.ts says of it' })
  }
  return findings.list().map(({ rule, message }) => `${rule}: ${message}`)
}
