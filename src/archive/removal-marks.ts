// Where one opaque mark says the same as the removals in a directory: there are several, and they leave nothing of what
// lies below. A directory inside that is emptied itself counts as hidden, and needs no mark of its own then.
// Knows layers, merges and changes by the union's interfaces; what is written of them is diff.ts's.

import { dirname, joinPath, type BytePath } from '../path/byte-path.ts'
import type { Change } from '../union/changes.ts'
import type { LayerView } from '../union/layer-view.ts'
import type { MergedView } from '../union/merge.ts'

/** Fewer stand for themselves. */
const REMOVALS_MIN = 2

/** Of the directories of a layer. */
export class LayerMarks {
  readonly #layer: LayerView
  readonly #below: MergedView | undefined
  readonly #known = new Map<BytePath, boolean>()

  /** @param below without it, only the layer's own marks are known */
  constructor(layer: LayerView, below: MergedView | undefined) {
    this.#layer = layer
    this.#below = below
  }

  /**
   * Whether a mark is to stand in that directory. To be asked once of each, from above: an answer is forgotten.
   * @param removals what the layer removes in it
   */
  isMarked(path: BytePath, removals: number): boolean {
    if (removals < REMOVALS_MIN && !this.#known.has(path)) return this.#layer.opaque(path)
    // A stack of our own: paths can be thousands of levels deep.
    const open = [path]
    for (let at = open.at(-1); at !== undefined; at = open.at(-1)) {
      const first = this.#known.has(at) ? [] : this.#decide(at)
      if (first.length === 0) open.pop()
      else open.push(...first)
    }
    const marked = this.#known.get(path)!
    this.#known.delete(path)
    return marked
  }

  /** @returns directories of which it must be known first */
  #decide(path: BytePath): BytePath[] {
    if (this.#layer.opaque(path)) {
      this.#known.set(path, true)
      return []
    }
    const own = new Map(this.#layer.list(path).map(({ name, kind }) => [name, kind]))
    const removals = [...own.values()].filter((kind) => kind === 'whiteout').length
    const below = removals < REMOVALS_MIN ? undefined : this.#below?.list(path)
    const first: BytePath[] = []
    const hides = (name: BytePath, directory: boolean): boolean => {
      const kind = own.get(name)
      if (kind !== 'directory' || !directory) return kind !== undefined
      const child = joinPath(path, name)
      const marked = this.#known.get(child)
      if (marked === undefined) first.push(child)
      return marked ?? true
    }
    const hidesAll = below?.every(({ name, directory }) => hides(name, directory)) ?? false
    if (hidesAll && first.length > 0) return first
    this.#known.set(path, hidesAll)
    return []
  }
}

/** Of the directories of two trees. */
export class ChangeMarks {
  readonly #emptied = new Set<BytePath>()
  readonly #hidden = new Map<BytePath, boolean>([['' as BytePath, false]])

  /** @param below the old tree; without it there are none */
  constructor(changes: readonly Change[], below: MergedView | undefined) {
    const byPath = new Map(changes.map((change) => [change.path, change]))
    const removals = new Map<BytePath, number>()
    for (const { kind, path } of changes) {
      if (kind !== 'delete') continue
      const parent = dirname(path)
      removals.set(parent, (removals.get(parent) ?? 0) + 1)
    }
    // From the last name to the first, so that a directory comes behind those that are in it.
    for (const path of [...removals.keys()].sort().reverse()) {
      // Docker passes over a mark at the top; and the mark stands behind the directory's own entry.
      if (removals.get(path)! < REMOVALS_MIN || path === '') continue
      if (byPath.get(path)?.node.type !== 'directory') continue
      const isEmptied = below?.list(path)?.every(({ path: child, directory }) => {
        const change = byPath.get(child)
        if (change === undefined || change.kind === 'delete') return change !== undefined
        return change.node.type !== 'directory' || !directory || this.#emptied.has(child)
      })
      if (isEmptied) this.#emptied.add(path)
    }
  }

  /** Whether a mark is to stand in that directory. */
  isMarked(path: BytePath): boolean {
    return this.#emptied.has(path) && !this.isHidden(dirname(path))
  }

  /** Whether a mark, there or above, hides all that the old tree has in that directory. */
  isHidden(directory: BytePath): boolean {
    const way: BytePath[] = []
    let at = directory
    while (!this.#hidden.has(at)) {
      way.push(at)
      at = dirname(at)
    }
    let hidden = this.#hidden.get(at)!
    for (const each of way.reverse()) {
      hidden ||= this.#emptied.has(each)
      this.#hidden.set(each, hidden)
    }
    return hidden
  }
}
