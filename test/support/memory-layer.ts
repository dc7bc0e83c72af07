// A layer held in memory, for tests of the union rules: a list of paths and what each is. Parents that are not named
// become directories; a later line for a path replaces the earlier one with all below it, unless both are directories.

import { dirname, pathFromText, type BytePath } from '../../src/path/byte-path.ts'
import type { LayerEntry, LayerNode, LayerView, NodeType } from '../../src/union/layer-view.ts'

export interface MemoryEntry {
  readonly path: string
  readonly type: NodeType | 'whiteout'
  readonly opaque?: boolean
  readonly linkTarget?: string
  readonly mode?: number
  readonly uid?: number
  readonly content?: string
}

export const file = (path: string, content = ''): MemoryEntry => ({ path, type: 'file', content })
export const directory = (path: string, opaque = false): MemoryEntry => ({
  path,
  type: 'directory',
  opaque,
})
export const symlink = (path: string, linkTarget: string): MemoryEntry => ({
  path,
  type: 'symlink',
  linkTarget,
})
export const whiteout = (path: string): MemoryEntry => ({ path, type: 'whiteout' })

export interface MemoryLayer extends LayerView {
  /** What the layer came to be, each path once, parents first. */
  readonly entries: ReadonlyMap<BytePath, MemoryEntry>
  /** How often each question was asked, to see what a merge costs. */
  readonly asked: { lookup: number; list: number; opaque: number }
}

export function memoryLayer(...lines: readonly MemoryEntry[]): MemoryLayer {
  const entries = new Map<BytePath, MemoryEntry>([['' as BytePath, directory('')]])
  const put = (path: BytePath, entry: MemoryEntry): void => {
    if (path !== '') {
      const parent = dirname(path)
      if (entries.get(parent)?.type !== 'directory') put(parent, directory(parent))
    }
    if (entry.type !== 'directory' || entries.get(path)?.type !== 'directory') {
      for (const other of entries.keys()) {
        if (path !== '' && other.startsWith(`${path}/`)) entries.delete(other)
      }
    }
    entries.set(path, entry)
  }
  for (const line of lines) put(pathFromText(line.path), line)
  const asked = { lookup: 0, list: 0, opaque: 0 }
  return {
    entries,
    asked,
    lookup(path): LayerNode | 'whiteout' | undefined {
      asked.lookup++
      const entry = entries.get(path)
      if (entry === undefined) return undefined
      return entry.type === 'whiteout' ? 'whiteout' : nodeOf(entry, entry.type)
    },
    list(path): LayerEntry[] {
      asked.list++
      const out: LayerEntry[] = []
      for (const [child, { type }] of entries) {
        if (child === '' || dirname(child) !== path) continue
        const kind = type === 'directory' || type === 'whiteout' ? type : 'leaf'
        out.push({ name: child.slice(path === '' ? 0 : path.length + 1) as BytePath, kind })
      }
      return out
    },
    opaque(path): boolean {
      asked.opaque++
      return entries.get(path)?.opaque ?? false
    },
    xattrs: () => new Map(),
  }
}

function nodeOf(entry: MemoryEntry, type: NodeType): LayerNode {
  const linkTarget = pathFromText(entry.linkTarget ?? '')
  return {
    type,
    mode: entry.mode ?? (type === 'directory' ? 0o755 : 0o644),
    uid: entry.uid ?? 0,
    gid: 0,
    sizeBytes: linkTarget.length || Buffer.byteLength(entry.content ?? ''),
    mtimeNs: 0n,
    linkTarget,
    devMajor: 0,
    devMinor: 0,
  }
}
