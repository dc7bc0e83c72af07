// What shale sets out to reach, each as a ratio within one run, and how this run stands to it. A target whose
// contestants took no part stays unmeasured; none is left out.

import { PEERS } from './peers/all.ts'
import type { Layers } from './peers/peer.ts'
import { ratioTo } from './report/table.ts'
import type { ContestResult, Row, TargetResult } from './result.ts'
import { pairedRatios, summary } from './statistics.ts'
import { FLOOR_NAMES } from './floor.ts'
import { LOAD_SUBJECTS } from './suites/load.ts'

interface Target {
  readonly measure: string
  readonly unit?: TargetResult['unit']
  readonly atMost: number
  readonly suite: string | readonly string[]
  /** Which contest of the suite, where it has several. */
  readonly title?: string
  readonly of: (contest: ContestResult) => number | undefined
}

const MB = 1e6

const TARGETS: readonly Target[] = [
  {
    measure: 'load, gzip / GNU tar -xzf layer by layer',
    atMost: 0.33,
    suite: 'load',
    of: (contest) => against(contest, 'GNU tar -xzf'),
  },
  {
    measure: 'load, gzip / the fastest engine on the same gzip layers',
    atMost: 0.25,
    suite: 'load',
    of: (contest) => againstFastest(contest, LOAD_SUBJECTS.gzip, engineRows(contest, ['gzip'])),
  },
  {
    // docker load takes no OCI layout, so it is spared the inflating that shale does here.
    measure: 'load, gzip / the fastest engine, those that were given plain layers included',
    atMost: 0.25,
    suite: 'load',
    of: (contest) =>
      againstFastest(contest, LOAD_SUBJECTS.gzip, engineRows(contest, ['gzip', 'plain'])),
  },
  {
    measure: 'load, plain docker-archive / docker load',
    atMost: 0.2,
    suite: 'load',
    of: (contest) => against(contest, 'docker load'),
  },
  {
    measure: 'load, gzip / the floor',
    atMost: 1.3,
    suite: 'load',
    of: (contest) => against(contest, FLOOR_NAMES.gzip),
  },
  {
    measure: 'one gzip layer of 500 MB / GNU tar -xzf',
    atMost: 0.4,
    suite: 'scale',
    title: 'one file in one gzip layer',
    of: (contest) => againstWork(contest, 'GNU tar', 500 * MB),
  },
  {
    measure: '100,000 small files in one layer / bsdtar -x',
    atMost: 1,
    suite: 'scale',
    title: 'small files in one layer',
    of: (contest) => againstWork(contest, 'bsdtar', 100_000),
  },
  {
    measure: 'cost per layer, 125 layers of 200 files / 5 layers',
    atMost: 1.2,
    suite: 'scale',
    title: 'layers of 200 files',
    of: (contest) => growth(contest, 5, 125),
  },
  {
    measure: 'load of an image that the store has / (2 node -e 0 + reading the manifest)',
    atMost: 1,
    suite: 'start',
    title: 'load of an image that the store has',
    of: (contest) => against(contest, 'node -e 0, twice, and the manifest read'),
  },
  {
    measure: 'save, docker-archive / docker save',
    atMost: 0.15,
    suite: 'save',
    of: (contest) => against(contest, 'docker save'),
  },
  {
    measure: 'save / cp of the finished archive',
    atMost: 3,
    suite: 'save',
    of: (contest) => against(contest, 'cp of the archive'),
  },
  {
    measure: 'peak RSS of a save',
    unit: 'MB',
    atMost: 250,
    suite: 'save',
    of: peakMegabytes,
  },
  {
    measure: 'peak RSS of a load, any of them',
    unit: 'MB',
    atMost: 250,
    suite: ['load', 'scale'],
    of: peakMegabytes,
  },
  {
    measure: 'images on a store of 5 / node -e 0',
    atMost: 2,
    suite: 'start',
    title: 'images',
    of: (contest) => against(contest, 'shale images, 5 images'),
  },
  {
    measure: 'images on a store of 1,000 / node -e 0',
    atMost: 4,
    suite: 'start',
    title: 'images',
    of: (contest) => against(contest, 'shale images, 1000 images'),
  },
  {
    measure: 'ls -R of the merged image / find on the kernel mount',
    atMost: 3,
    suite: 'read',
    title: 'list',
    of: (contest) => against(contest, 'find on the kernel mount'),
  },
]

/** One line for each target and each setting that measured it; one line where none did. */
export function targetsOf(contests: readonly ContestResult[]): TargetResult[] {
  return TARGETS.flatMap((target): TargetResult[] => {
    const { measure, unit = 'ratio', atMost, suite, title, of } = target
    const reached = contests
      .filter(
        (contest) => [suite].flat().includes(contest.suite) && (!title || contest.title === title),
      )
      .map((contest) => ({ contest, value: of(contest) }))
      .filter((one): one is { contest: ContestResult; value: number } => one.value !== undefined)
      .map(({ contest, value }): TargetResult => {
        const where = [contest.fileSystem, contest.cache === 'cold' ? 'cold' : undefined]
        const of = where.filter((one) => one !== undefined).join(', ')
        return { measure, unit, atMost, reached: value, ...(of === '' ? {} : { of }) }
      })
    return reached.length > 0 ? reached : [{ measure, unit, atMost }]
  })
}

function against(contest: ContestResult, name: string): number | undefined {
  const row = contest.rows.find((one) => one.name === name)
  return row && ratioTo(contest, row)?.median
}

function againstWork(contest: ContestResult, start: string, work: number): number | undefined {
  const row = contest.rows.find((one) => one.work === work && one.name.startsWith(start))
  return row && ratioTo(contest, row)?.median
}

function seconds(row: Row | undefined): number[] {
  return (row?.samples ?? []).map((sample) => sample.seconds)
}

function pair(contest: ContestResult, a: string, b: string): number | undefined {
  const named = (name: string): number[] => seconds(contest.rows.find((row) => row.name === name))
  return pairedRatios(named(a), named(b))?.median
}

/** Rows of programs that keep images: the tar programs do less and are no measure of an engine. */
function engineRows(contest: ContestResult, layers: readonly Layers[]): readonly Row[] {
  const engines = PEERS.filter(({ kind }) => kind === 'engine').flatMap(({ loads }) => loads)
  const names = new Set(
    engines.filter((way) => layers.includes(way.layers)).map(({ name }) => name),
  )
  return contest.rows.filter(({ name, samples }) => names.has(name) && samples.length > 0)
}

function againstFastest(
  contest: ContestResult,
  subject: string,
  rows: readonly Row[],
): number | undefined {
  const fastest = rows
    .map((row) => ({ row, median: summary(seconds(row)).median }))
    .sort((a, b) => a.median - b.median)[0]
  return fastest && pair(contest, subject, fastest.row.name)
}

/** Time per unit of work at the larger size over that at the smaller, the program's start included. */
function growth(contest: ContestResult, few: number, many: number): number | undefined {
  const of = (work: number): number[] =>
    seconds(contest.rows.find((row) => row.subject && row.work === work)).map((one) => one / work)
  return pairedRatios(of(many), of(few))?.median
}

function peakMegabytes(contest: ContestResult): number | undefined {
  const peaks = contest.rows
    .filter(({ subject }) => subject)
    .flatMap(({ samples }) => samples.map(({ peakRssBytes }) => peakRssBytes))
    .filter((one) => one !== undefined)
  return peaks.length === 0 ? undefined : Math.max(...peaks) / MB
}
