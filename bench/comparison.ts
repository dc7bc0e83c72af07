// Two results side by side: which of shale's numbers moved, and whether that is more than the noise of so few runs.
// Pure; knows results, not files.

import type { BenchResult, ContestResult, Machine, Row } from './result.ts'
import { rankTest, summary, type Summary } from './statistics.ts'
import { ratioTo } from './report/table.ts'

export type Finding = 'slower' | 'faster' | 'noise' | 'new' | 'gone'

export interface Change {
  /** `load, tmpfs, warm: shale load, OCI layout`. */
  readonly what: string
  readonly finding: Finding
  readonly before?: Summary
  readonly after?: Summary
  /** After over before, by the medians. */
  readonly ratio?: number
  /** That chance alone puts the two this far apart. */
  readonly chance?: number
}

export interface Comparison {
  /** Seconds where both were measured on the same machine; else ratios to each contest's own yardstick. */
  readonly by: 'seconds' | 'ratio'
  /** Why seconds cannot be compared. */
  readonly machines: readonly string[]
  readonly changes: readonly Change[]
}

/** A smaller step is below what a shared machine can tell, however often it is run. */
const STEP_MIN = 0.03
/** Rank test: at most one false alarm in twenty rows. */
const CHANCE_MAX = 0.05
/** With so few runs that no order of them is rare, spreads that do not touch must also be this far apart. */
const FEW_STEP_MIN = 0.1

export function compareResults(before: BenchResult, after: BenchResult): Comparison {
  const machines = machineDifferences(before.machine, after.machine)
  const by = machines.length === 0 ? 'seconds' : 'ratio'
  const old = valuesOf(before, by)
  const now = valuesOf(after, by)
  const changes: Change[] = []
  for (const [what, values] of now) {
    const earlier = old.get(what)
    if (earlier === undefined) changes.push({ what, finding: 'new', after: summary(values) })
    else changes.push(change(what, earlier, values))
  }
  for (const [what, values] of old)
    if (!now.has(what)) changes.push({ what, finding: 'gone', before: summary(values) })
  return { by, machines, changes }
}

function change(what: string, before: readonly number[], after: readonly number[]): Change {
  const a = summary(before)
  const b = summary(after)
  const ratio = b.median / a.median
  const chance = rankTest(before, after)
  const step = Math.abs(ratio - 1)
  const apart = b.min > a.max || b.max < a.min
  const moved =
    (chance <= CHANCE_MAX && step >= STEP_MIN) ||
    (apart && before.length > 1 && after.length > 1 && step >= FEW_STEP_MIN)
  const finding: Finding = moved ? (ratio > 1 ? 'slower' : 'faster') : 'noise'
  return { what, finding, before: a, after: b, ratio, chance }
}

function machineDifferences(a: Machine, b: Machine): string[] {
  const facts = ['cpu', 'cores', 'kernel', 'node', 'root'] as const
  return facts
    .filter((fact) => a[fact] !== b[fact])
    .map((fact) => `${fact}: ${String(a[fact])}, then ${String(b[fact])}`)
}

/** shale's rows; of another machine, what they are in terms of the rows beside them. */
function valuesOf(result: BenchResult, by: Comparison['by']): Map<string, number[]> {
  const values = new Map<string, number[]>()
  for (const contest of result.contests) {
    for (const row of contest.rows) {
      if (by === 'seconds') {
        if (row.subject && row.samples.length > 0) values.set(nameOf(contest, row), seconds(row))
      } else {
        const ratios = ratiosOf(contest, row)
        if (ratios !== undefined) values.set(`${nameOf(contest, row)}, shale / it`, ratios)
      }
    }
  }
  return values
}

function nameOf(contest: ContestResult, row: Row): string {
  const { suite, title, fileSystem, cache } = contest
  const where = fileSystem === undefined ? [] : [fileSystem, cache]
  return `${[...new Set([suite, title]), ...where].join(', ')}: ${row.name}`
}

function seconds({ samples }: Row): number[] {
  return samples.map((sample) => sample.seconds)
}

/** Round by round, as ratioTo takes them, which sums up the same rounds. */
function ratiosOf(contest: ContestResult, row: Row): number[] | undefined {
  if (ratioTo(contest, row) === undefined) return undefined
  const rounds: number[] = []
  const other = contest.rows.find(({ name }) => name === row.against)!
  const count = Math.min(row.samples.length, other.samples.length)
  for (let i = 0; i < count; i++) {
    const one = (of: Row): Row => ({ ...of, samples: [of.samples[i]!] })
    const rows = contest.rows.map((of) => (of === row || of === other ? one(of) : of))
    const again = rows[contest.rows.indexOf(row)]!
    rounds.push(ratioTo({ ...contest, rows }, again)!.median)
  }
  return rounds
}
