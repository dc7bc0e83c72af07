// Chance that can be had again: numbers from a seed, for runs that somebody else must be able to repeat.

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 0 to 2^32 - 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }

  /** 0 to limit - 1; 0 for a limit of 0. */
  below(limit: number): number {
    return limit <= 1 ? 0 : this.next() % limit
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  /** True once in `turns`. */
  once(turns: number): boolean {
    return this.below(turns) === 0
  }
}
