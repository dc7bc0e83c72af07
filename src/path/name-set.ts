// Which of millions of names have come already, in eight bytes a name: a hash of each, not the name. For questions to
// which a wrong yes, one in 2^53 by chance or as many as an attacker cares to compute, costs time and never truth.

import type { BytePath } from './byte-path.ts'

const START = 1024

export class NameSet {
  /** Hashes by open addressing, at most half of it used; 0 is an empty place. */
  #table: Float64Array = new Float64Array(START)
  #size = 0

  get size(): number {
    return this.#size
  }

  has(name: BytePath): boolean {
    return this.#table[this.#find(hashOf(name))] !== 0
  }

  /** @returns whether it is new */
  add(name: BytePath): boolean {
    const hash = hashOf(name)
    const at = this.#find(hash)
    if (this.#table[at] !== 0) return false
    this.#table[at] = hash
    if (++this.#size * 2 > this.#table.length) this.#grow()
    return true
  }

  #find(hash: number): number {
    const mask = this.#table.length - 1
    let at = (hash % 0x80000000) & mask
    for (;;) {
      const found = this.#table[at]
      if (found === 0 || found === hash) return at
      at = (at + 1) & mask
    }
  }

  #grow(): void {
    const old = this.#table
    this.#table = new Float64Array(old.length * 2)
    for (const hash of old) if (hash !== 0) this.#table[this.#find(hash)] = hash
  }
}

/** 1 to 2^53 - 1. */
function hashOf(name: string): number {
  let low = 0x811c9dc5
  let high = 0x9e3779b9
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    low = Math.imul(low ^ code, 0x01000193)
    high = Math.imul(high ^ code, 0x5bd1e995)
    high ^= high >>> 15
  }
  low ^= low >>> 16
  low = Math.imul(low, 0x85ebca6b)
  low ^= low >>> 13
  return (high & 0x1fffff) * 0x100000000 + (low >>> 0) || 1
}
