// Numbers that look random and are the same for the same seed, so that two machines measure the same bytes.

export interface Random {
  /** An integer from 0 to `below` - 1. */
  integer(below: number): number
  /** 0 <= x < 1. */
  fraction(): number
}

/** Mulberry32: 32 bits of state, which is plenty for benchmark data. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  return {
    integer: (below) => next() % below,
    fraction: () => next() / 2 ** 32,
  }
}
