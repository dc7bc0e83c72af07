// Contestants in rounds: A B C, A B C, each run from a fresh start, so that what the machine does meanwhile falls on all
// of them. The first round warms caches and is looked at instead of counted: what came out is compared.
// Knows runs and rounds; not what is run.

import { throwIfInterrupted } from './cleanup.ts'
import { measureProgram, type Command } from './measure.ts'
import { canDropCaches, dropCaches, settle, type Place } from './place.ts'
import type { Progress } from './report/progress.ts'
import type { ContestResult, Row, Sample } from './result.ts'

export interface Trial {
  run(): Promise<Sample>
  /** What came out, to be held against what came out of the others. */
  inspect?(): Promise<unknown>
  /** Fresh again; also after a failure. */
  dispose?(): Promise<void>
}

export interface Contestant extends Omit<Row, 'samples' | 'verdict' | 'failed'> {
  readonly prepare: () => Promise<Trial>
}

export interface Contest extends Omit<ContestResult, 'rows' | 'fileSystem'> {
  readonly place?: Place
  readonly contestants: readonly Contestant[]
  /** One verdict for each name; asked once, after the first round. */
  readonly judge?: (found: ReadonlyMap<string, unknown>) => ReadonlyMap<string, string>
}

export interface RoundsOptions {
  readonly runs: number
  /** Whether the first round is not counted. */
  readonly warmUp: boolean
  readonly progress: Progress
}

/** A measured program over `dir`, which is gone afterwards. */
export function programTrial(command: Command, rest: Omit<Trial, 'run'> = {}): Trial {
  return { run: () => measureProgram(command), ...rest }
}

export async function runContest(contest: Contest, options: RoundsOptions): Promise<ContestResult> {
  const { contestants, judge, place, ...facts } = contest
  if (contest.cache === 'cold' && !canDropCaches)
    throw new Error('cannot measure with cold caches: only root may drop them')
  const samples = new Map<string, Sample[]>(contestants.map(({ name }) => [name, []]))
  const failures = new Map<string, string>()
  const found = new Map<string, unknown>()
  const where = [contest.suite, place?.fileSystem, contest.cache === 'cold' ? 'cold' : undefined]
  const rounds = options.runs + (options.warmUp ? 1 : 0)
  let verdicts: ReadonlyMap<string, string> = new Map()

  for (let round = 0; round < rounds; round++) {
    const isWarmUp = options.warmUp && round === 0
    const number = options.warmUp ? round : round + 1
    const shown = isWarmUp ? 'warm-up' : `run ${number}/${options.runs}`
    for (const contestant of contestants) {
      if (failures.has(contestant.name)) continue
      const said = [...where, contest.title, shown, contestant.name].filter(Boolean).join(' · ')
      options.progress.begin(said)
      try {
        const inspected = round === 0 && judge !== undefined
        const { sample, inspection } = await runOnce(contest, contestant, inspected)
        if (!isWarmUp) samples.get(contestant.name)!.push(sample)
        if (inspection !== undefined) found.set(contestant.name, inspection)
        options.progress.end(`${sample.seconds.toFixed(3)} s`)
      } catch (error) {
        // A program that a signal ended did not fail.
        throwIfInterrupted()
        failures.set(contestant.name, (error as Error).message)
        options.progress.end(`failed: ${(error as Error).message}`)
      }
    }
    if (round === 0 && judge !== undefined) {
      verdicts = judge(found)
      found.clear()
    }
  }
  const rows = contestants.map(({ prepare: _prepare, ...row }): Row => {
    const verdict = verdicts.get(row.name)
    const failed = failures.get(row.name)
    return {
      ...row,
      samples: samples.get(row.name)!,
      ...(verdict === undefined ? {} : { verdict }),
      ...(failed === undefined ? {} : { failed }),
    }
  })
  return { ...facts, ...(place === undefined ? {} : { fileSystem: place.fileSystem }), rows }
}

async function runOnce(
  contest: Contest,
  contestant: Contestant,
  inspected: boolean,
): Promise<{ sample: Sample; inspection?: unknown }> {
  throwIfInterrupted()
  const trial = await contestant.prepare()
  try {
    await settle(contest.place)
    if (contest.cache === 'cold') await dropCaches()
    const sample = await trial.run()
    return inspected && trial.inspect ? { sample, inspection: await trial.inspect() } : { sample }
  } finally {
    await trial.dispose?.()
  }
}
