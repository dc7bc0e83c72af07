// What differs between two merged trees: added, modified and deleted paths, as `docker diff` tells them, and why. Pure:
// two views of any kind, for a container and the image beneath it as for two images.
//
// Two rules. `docker` is moby's (pkg/archive, statDifferent): mode, owner, device and file capability, and of what is
// no directory size and mtime; so a link that leads elsewhere at the same length and time gives no line. `exact`
// compares all that a layer can hold.

import { comparePaths, type BytePath } from '../path/byte-path.ts'
import type { LayerView } from './layer-view.ts'
import type { MergedEntry, MergedNode, MergedView } from './merge.ts'

export type ChangeKind = 'add' | 'modify' | 'delete'

/** What differs in a modified path. `content` is a file's bytes or a link's target. */
export type ChangeReason = 'type' | 'content' | 'mode' | 'owner' | 'device' | 'mtime' | 'xattr'

export interface Change {
  readonly kind: ChangeKind
  readonly path: BytePath
  /** Of the new tree; for a deletion, of the old one. */
  readonly node: MergedNode
  /** Of a modification; none where only something inside of the directory changed. */
  readonly reasons: readonly ChangeReason[]
}

export interface CompareOptions {
  /** Default `docker`. */
  readonly rule?: 'docker' | 'exact'
  /** Whether two regular files of one size hold the same bytes; without it, size and time speak for them. */
  readonly sameContent?: (before: MergedNode, after: MergedNode) => boolean
}

const CAPABILITY = 'security.capability'
const NS_PER_S = 1_000_000_000n

/**
 * Siblings in byte order, a directory before its content; the root itself is never among them. Yields now and then, so
 * that the caller can look at a signal; the result comes at the end.
 * Layers that both views hold (the same objects) are taken for what they are: a tree that only they make up is skipped.
 */
export function* compareViews(
  before: MergedView,
  after: MergedView,
  options: CompareOptions = {},
): Generator<undefined, Change[], undefined> {
  const comparison = new Comparison(before, after, options)
  yield* comparison.run()
  return comparison.changes
}

/** A directory whose entries are being compared, as far as that has come. */
interface OpenDirectory {
  readonly old: readonly MergedEntry[]
  readonly current: readonly MergedEntry[]
  next: number
  nextOld: number
  /** Where no change names it yet: its node, and where among the changes it belongs. */
  readonly unnamed?: { readonly node: MergedNode; readonly place: number }
}

class Comparison {
  readonly changes: Change[] = []
  readonly #before: MergedView
  readonly #after: MergedView
  readonly #isExact: boolean
  readonly #sameContent: CompareOptions['sameContent']

  constructor(before: MergedView, after: MergedView, options: CompareOptions) {
    this.#before = before
    this.#after = after
    this.#isExact = options.rule === 'exact'
    this.#sameContent = options.sameContent
  }

  /** By a stack of its own: a container may have made directories deeper than calls can be nested. */
  *run(): Generator<undefined, void, undefined> {
    const open = [this.#opened('' as BytePath, true)]
    yield
    for (let here = open.at(-1); here !== undefined; here = open.at(-1)) {
      const entry = here.current[here.next++]
      const { old } = here
      for (; here.nextOld < old.length; here.nextOld++) {
        const gone = old[here.nextOld]!
        if (entry && comparePaths(gone.name, entry.name) >= 0) break
        this.#gone(gone)
      }
      if (entry === undefined) {
        open.pop()
        this.#closed(here)
        continue
      }
      const same = old[here.nextOld]?.name === entry.name ? old[here.nextOld++] : undefined
      const directory = this.#entry(same, entry)
      if (directory === undefined) continue
      open.push(directory)
      yield
    }
  }

  /** @returns a directory that is to be looked into */
  #entry(old: MergedEntry | undefined, entry: MergedEntry): OpenDirectory | undefined {
    if (old && this.#isShared(old, entry)) return undefined
    const after = this.#after.node(entry)
    if (after === undefined) return undefined
    const before = old && this.#before.node(old)
    const place = this.changes.length
    const { path } = entry
    if (before === undefined) {
      this.changes.push({ kind: 'add', path, node: after, reasons: [] })
    } else {
      const reasons = this.#reasons(before, after)
      if (reasons.length > 0) this.changes.push({ kind: 'modify', path, node: after, reasons })
    }
    if (after.type !== 'directory') return undefined
    const isNamed = this.changes.length > place
    return {
      ...this.#opened(path, before?.type === 'directory'),
      ...(isNamed ? {} : { unnamed: { node: after, place } }),
    }
  }

  /** @param merged whether the old tree has that directory too; else all of it is new */
  #opened(path: BytePath, merged: boolean): OpenDirectory {
    const old = merged ? (this.#before.list(path) ?? []) : []
    return { old, current: this.#after.list(path) ?? [], next: 0, nextOld: 0 }
  }

  /** Something inside changed, and the directory itself did not: it is named all the same, before its content. */
  #closed({ unnamed }: OpenDirectory): void {
    if (unnamed === undefined || this.changes.length === unnamed.place) return
    const { node, place } = unnamed
    this.changes.splice(place, 0, { kind: 'modify', path: node.path, node, reasons: [] })
  }

  #gone(entry: MergedEntry): void {
    const node = this.#before.node(entry)
    if (node) this.changes.push({ kind: 'delete', path: entry.path, node, reasons: [] })
  }

  /** One layer decides in both, and whatever lies above it in either says nothing of that path or of any below. */
  #isShared(old: MergedEntry, entry: MergedEntry): boolean {
    const a = this.#before.layers[old.layer]
    const b = this.#after.layers[entry.layer]
    return a !== undefined && a === b && this.#isCommon(old.layer, entry.layer)
  }

  /** From there downward the two stacks are one. */
  #isCommon(before: number, after: number): boolean {
    const a = this.#before.layers
    const b = this.#after.layers
    if (a.length - before !== b.length - after) return false
    for (let i = 0; before + i < a.length; i++) if (a[before + i] !== b[after + i]) return false
    return true
  }

  #reasons(before: MergedNode, after: MergedNode): ChangeReason[] {
    const reasons: ChangeReason[] = []
    if (before.type !== after.type) reasons.push('type')
    const isExact = this.#isExact
    if (before.type === after.type) {
      if (isDifferentContent(before, after, isExact, this.#sameContent)) reasons.push('content')
      if (before.devMajor !== after.devMajor || before.devMinor !== after.devMinor) {
        reasons.push('device')
      }
    }
    if (before.mode !== after.mode) reasons.push('mode')
    if (before.uid !== after.uid || before.gid !== after.gid) reasons.push('owner')
    if (isExact ? before.mtimeNs !== after.mtimeNs : isLater(before, after)) reasons.push('mtime')
    if (this.#isDifferentXattrs(before, after)) reasons.push('xattr')
    return reasons
  }

  #isDifferentXattrs(before: MergedNode, after: MergedNode): boolean {
    const a = xattrsOf(this.#before.layers, before)
    const b = xattrsOf(this.#after.layers, after)
    if (!this.#isExact) return !sameBytes(a.get(CAPABILITY), b.get(CAPABILITY))
    if (a.size !== b.size) return true
    return [...a].some(([name, value]) => !sameBytes(value, b.get(name)))
  }
}

function isDifferentContent(
  before: MergedNode,
  after: MergedNode,
  isExact: boolean,
  sameContent: CompareOptions['sameContent'],
): boolean {
  if (before.type === 'file') {
    if (before.sizeBytes !== after.sizeBytes) return true
    // docker looks no further than the time; who asks why gets the truth of it.
    const isAsked = isExact || !sameTime(before.mtimeNs, after.mtimeNs)
    return isAsked && sameContent !== undefined && !sameContent(before, after)
  }
  if (before.type !== 'symlink') return false
  return isExact
    ? before.linkTarget !== after.linkTarget
    : before.linkTarget.length !== after.linkTarget.length
}

/** moby asks whether the mode has the bit of S_IFDIR, which block devices and sockets have as well. */
function isLater(before: MergedNode, after: MergedNode): boolean {
  if (before.type === 'directory' || before.type === 'block' || before.type === 'socket') {
    return false
  }
  return !sameTime(before.mtimeNs, after.mtimeNs)
}

/** To the second where one of them has no fraction: it came out of a tar. */
function sameTime(a: bigint, b: bigint): boolean {
  if (a === b) return true
  if (a % NS_PER_S !== 0n && b % NS_PER_S !== 0n) return false
  return seconds(a) === seconds(b)
}

function seconds(ns: bigint): bigint {
  return (ns - (((ns % NS_PER_S) + NS_PER_S) % NS_PER_S)) / NS_PER_S
}

function xattrsOf(layers: readonly LayerView[], node: MergedNode): ReadonlyMap<string, Uint8Array> {
  return layers[node.layer]!.xattrs(node.path)
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return Buffer.compare(a, b) === 0
}
