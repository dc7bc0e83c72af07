// Results as tables for a terminal, in docker's columns: one for each contest, and one of the targets.

import { table } from '../../cli/format/table.ts'
import { humanSize } from '../../cli/format/units.ts'
import { pairedRatios, spread, summary } from '../statistics.ts'
import type { BenchResult, ContestResult, Row } from '../result.ts'

export function resultText(result: BenchResult): string {
  const parts = [machineText(result), peersText(result)]
  for (const contest of result.contests) parts.push(contestText(contest))
  if (result.targets.length > 0) parts.push(targetsText(result))
  return parts.join('\n')
}

function machineText({ machine, startedAt }: BenchResult): string {
  const memory = humanSize(machine.memoryBytes)
  return [
    `shale ${machine.shale}${machine.commit === undefined ? '' : ` (${machine.commit})`}, Node ${machine.node}, zlib ${machine.zlib}`,
    `${machine.cpu}, ${machine.cores} cores, ${memory}, ${machine.kernel}, ${machine.system}, load ${machine.loadAverage.toFixed(2)}`,
    `${startedAt}${machine.root ? '' : ', as an ordinary user: engines that need root take no part'}`,
    '',
  ].join('\n')
}

function peersText({ peers }: BenchResult): string {
  if (peers.length === 0) return ''
  const rows = peers.map(({ id, version, absent, does }) => [
    id,
    absent === undefined ? cut(version!) : `absent: ${absent}`,
    does,
  ])
  return table(['PEER', 'VERSION', 'DOES'], rows)
}

const VERSION_COLUMNS = 36

function cut(version: string): string {
  return version.length <= VERSION_COLUMNS ? version : `${version.slice(0, VERSION_COLUMNS - 3)}...`
}

export function contestText(contest: ContestResult): string {
  const where = [
    contest.fileSystem,
    contest.fileSystem === undefined ? undefined : `${contest.cache} cache`,
  ]
  const title = [`${contest.suite}: ${contest.title}`, ...where].filter(Boolean).join(', ')
  const lines = [title]
  const { input } = contest
  if (input !== undefined) {
    lines.push(
      `${input.name}: ${input.layers} layers, ${input.entries.toLocaleString('en')} entries, ${humanSize(input.tarBytes)} of tar, ${humanSize(input.gzipBytes)} gzipped`,
    )
  }
  const others = contest.rows.flatMap((row) => numbers(row, ({ othersCores }) => othersCores))
  if (others.length > 0) {
    const { median, max } = summary(others)
    lines.push(
      `everything else on the machine kept ${median.toFixed(1)} cores busy meanwhile, at most ${max.toFixed(1)}`,
    )
  }
  const groups = [...new Set(contest.rows.map(({ group }) => group))]
  const blocks = groups.map((group) => {
    const rows = contest.rows.filter((row) => row.group === group)
    return `${group === undefined ? '' : `${group}\n`}${rowsText(contest, rows)}`
  })
  return `${lines.join('\n')}\n${blocks.join('\n')}`
}

function rowsText(contest: ContestResult, rows: readonly Row[]): string {
  const has = (test: (row: Row) => boolean): boolean => rows.some(test)
  const verdicts = has(({ verdict }) => verdict !== undefined)
  const works = contest.workUnit !== undefined && has(({ work }) => work !== undefined)
  const memory = has(({ samples }) =>
    samples.some(({ peakRssBytes }) => peakRssBytes !== undefined),
  )
  const headers = ['NAME', 'MEDIAN', 'MIN', 'SPREAD', 'SHALE / IT']
  if (works) headers.push(`PER ${contest.workUnit.toUpperCase()}`)
  if (memory) headers.push('CPU', 'PEAK RSS')
  if (verdicts) headers.push('CAME OUT')
  const cells = rows.map((row) => {
    if (row.samples.length === 0)
      return [row.name, row.failed === undefined ? '-' : `failed: ${row.failed.split('\n')[0]!}`]
    const seconds = summary(row.samples.map((sample) => sample.seconds))
    const line = [
      row.name,
      secondsText(seconds.median),
      secondsText(seconds.min),
      `${(100 * spread(seconds)).toFixed(0)}%`,
      ratioCell(contest, row),
    ]
    if (works) line.push(row.work === undefined ? '' : perUnit(contest, row, seconds.median))
    if (memory) {
      const cpu = numbers(row, ({ cpuSeconds }) => cpuSeconds)
      const rss = numbers(row, ({ peakRssBytes }) => peakRssBytes)
      line.push(cpu.length === 0 ? '-' : cpuText(summary(cpu).median))
      line.push(rss.length === 0 ? '-' : humanSize(summary(rss).max))
    }
    if (verdicts) line.push(row.verdict ?? '')
    return line
  })
  const parts = rows.flatMap(partsText)
  return table(headers, cells) + parts.map((line) => `${line}\n`).join('')
}

function numbers(
  row: Row,
  value: (sample: Row['samples'][number]) => number | undefined,
): number[] {
  return row.samples.map(value).filter((one) => one !== undefined)
}

/**
 * shale over the other, run by run: of a peer's row, shale's over it; of a row of shale's that names one to be held
 * against, itself over that one. For the same work, where the rows did different amounts of it.
 */
export function ratioTo(contest: ContestResult, row: Row): ReturnType<typeof pairedRatios> {
  const other = contest.rows.find(({ name }) => name === row.against)
  if (other === undefined) return undefined
  const same = other.work === undefined || row.work === undefined
  const cost = ({ samples, work }: Row): number[] =>
    samples.map(({ seconds }) => (same ? seconds : seconds / work!))
  return row.subject ? pairedRatios(cost(row), cost(other)) : pairedRatios(cost(other), cost(row))
}

function ratioCell(contest: ContestResult, row: Row): string {
  const ratio = ratioTo(contest, row)
  if (ratio === undefined) return ''
  const text = ratio.median.toFixed(2)
  return row.samples.length > 1 ? `${text} (${ratio.min.toFixed(2)}-${ratio.max.toFixed(2)})` : text
}

/** Bytes a second for bytes, time for everything else. */
function perUnit(contest: ContestResult, row: Row, seconds: number): string {
  if (contest.workUnit === 'byte') return `${humanSize(row.work! / seconds)}/s`
  return secondsText(seconds / row.work!)
}

function partsText(row: Row): string[] {
  const names = new Set(row.samples.flatMap(({ parts }) => Object.keys(parts ?? {})))
  if (names.size === 0) return []
  const said = [...names].map((name) => {
    const values = row.samples.map(({ parts }) => parts?.[name] ?? 0)
    return `${name} ${secondsText(summary(values).median)}`
  })
  return [`  ${row.name}: core-seconds ${said.join(', ')}`]
}

/** GNU time tells hundredths. */
function cpuText(seconds: number): string {
  return seconds < 0.01 ? '<10ms' : secondsText(seconds)
}

export function secondsText(seconds: number): string {
  if (seconds >= 10) return `${seconds.toFixed(1)}s`
  if (seconds >= 1) return `${seconds.toFixed(2)}s`
  if (seconds >= 1e-3) return `${(seconds * 1e3).toPrecision(3)}ms`
  return `${(seconds * 1e6).toPrecision(3)}us`
}

function targetsText({ targets }: BenchResult): string {
  const rows = targets.map(({ measure, unit, atMost, reached, of }) => {
    const shown = (value: number): string =>
      unit === 'MB' ? `${value.toFixed(0)}MB` : value.toFixed(2)
    if (reached === undefined) return [measure, `<= ${shown(atMost)}`, '-', 'not measured']
    return [
      measure,
      `<= ${shown(atMost)}`,
      shown(reached),
      `${reached <= atMost ? 'reached' : 'MISSED'}${of === undefined ? '' : `, ${of}`}`,
    ]
  })
  return table(['TARGET', 'AT MOST', 'HERE', ''], rows)
}
