// What a handful of runs can say: the middle, the edges, ratios of runs that stood side by side, and whether two sets of
// runs differ by more than chance. Pure; knows numbers, not what was measured.

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** @throws RangeError for no values: a median of nothing would be an invented number */
export function summary(values: readonly number[]): Summary {
  if (values.length === 0) throw new RangeError('cannot summarise: there are no values')
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median =
    sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}

/** Distance of the edges in parts of the median: 0.1 is ten per cent between the fastest run and the slowest. */
export function spread({ median, min, max }: Summary): number {
  return median === 0 ? 0 : (max - min) / median
}

/**
 * Run by run, so that whatever else the machine did in that round weighs on both.
 * @returns undefined where no round has both
 */
export function pairedRatios(
  numerators: readonly number[],
  denominators: readonly number[],
): Summary | undefined {
  const rounds = Math.min(numerators.length, denominators.length)
  const ratios: number[] = []
  for (let i = 0; i < rounds; i++) ratios.push(numerators[i]! / denominators[i]!)
  return rounds === 0 ? undefined : summary(ratios)
}

/** More than this many pairs of values, and the normal approximation is as good as counting. */
const EXACT_PAIRS_MAX = 400

/**
 * Mann and Whitney's rank test, two-sided: the probability that two samples of one distribution lie at least as far
 * apart as these do. Counted exactly for small samples, where the normal approximation is wrong by a factor.
 */
export function rankTest(a: readonly number[], b: readonly number[]): number {
  if (a.length === 0 || b.length === 0) return 1
  let wins = 0
  for (const x of a) for (const y of b) wins += x > y ? 1 : x === y ? 0.5 : 0
  const pairs = a.length * b.length
  const extreme = Math.min(wins, pairs - wins)
  if (pairs > EXACT_PAIRS_MAX) return normalTail(extreme, a.length, b.length)
  const ways = winCounts(a.length, b.length)
  const total = ways.reduce((sum, n) => sum + n, 0)
  let tail = 0
  for (let u = 0; u <= Math.floor(extreme); u++) tail += ways[u]!
  return Math.min(1, (2 * tail) / total)
}

/** How many orders of n and m distinct values have u wins of the first over the second, for each u. */
function winCounts(n: number, m: number): number[] {
  // Coefficients of the Gaussian binomial: each of n values beats between 0 and m of the others, in ascending order.
  let ways = [1]
  for (let k = 1; k <= n; k++) {
    const grown = Array.from({ length: k * m + 1 }, () => 0)
    // times (1 - q^(m + k)) ...
    const raised = Array.from({ length: ways.length + m + k }, () => 0)
    ways.forEach((count, u) => {
      raised[u]! += count
      raised[u + m + k]! -= count
    })
    // ... over (1 - q^k)
    for (let u = 0; u < grown.length; u++) {
      grown[u] = (raised[u] ?? 0) + (u >= k ? grown[u - k]! : 0)
    }
    ways = grown
  }
  return ways
}

function normalTail(extreme: number, n: number, m: number): number {
  const mean = (n * m) / 2
  const deviation = Math.sqrt((n * m * (n + m + 1)) / 12)
  const z = Math.max(0, (mean - extreme - 0.5) / deviation)
  return Math.min(1, 2 * (1 - normalBelow(z)))
}

/** Abramowitz and Stegun, 26.2.17: good to 7.5e-8. */
function normalBelow(z: number): number {
  const t = 1 / (1 + 0.2316419 * z)
  const poly =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return 1 - (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * poly
}
