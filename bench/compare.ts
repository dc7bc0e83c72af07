// `bench/compare OLD.json NEW.json`: prints what moved; ends with 1 where shale became slower.

import fs from 'node:fs'
import { table } from '../cli/format/table.ts'
import { compareResults, type Change, type Comparison } from './comparison.ts'
import { secondsText } from './report/table.ts'
import { parseResult, type BenchResult } from './result.ts'
import type { Summary } from './statistics.ts'

const [old, now, extra] = process.argv.slice(2)
if (old === undefined || now === undefined || extra !== undefined || old.startsWith('-')) {
  process.stderr.write(
    'Usage: bench/compare OLD.json NEW.json\nTells a regression from noise; ends with 1 where there is one.\n',
  )
  process.exitCode = 2
} else {
  try {
    const comparison = compareResults(read(old), read(now))
    process.stdout.write(comparisonText(comparison))
    if (comparison.changes.some(({ finding }) => finding === 'slower')) process.exitCode = 1
  } catch (error) {
    process.stderr.write(`bench/compare: ${(error as Error).message}\n`)
    process.exitCode = 2
  }
}

function read(file: string): BenchResult {
  return parseResult(fs.readFileSync(file, 'utf8'), file)
}

function comparisonText({ by, machines, changes }: Comparison): string {
  const shown = (summary: Summary | undefined): string => {
    if (summary === undefined) return '-'
    const text = by === 'seconds' ? secondsText : (value: number): string => value.toFixed(2)
    return `${text(summary.median)} (${text(summary.min)}-${text(summary.max)})`
  }
  const order: readonly Change['finding'][] = ['slower', 'faster', 'noise', 'new', 'gone']
  const rows = [...changes]
    .sort((a, b) => order.indexOf(a.finding) - order.indexOf(b.finding))
    .map(({ what, finding, before, after, ratio, chance }) => [
      what,
      finding === 'slower' ? 'SLOWER' : finding,
      shown(before),
      shown(after),
      ratio === undefined ? '' : `${ratio.toFixed(2)}x`,
      chance === undefined ? '' : `p ${chance.toFixed(3)}`,
    ])
  const note =
    machines.length === 0
      ? ''
      : `Not the same machine (${machines.join('; ')}): ratios within each run are compared, not seconds.\n`
  const count = (finding: Change['finding']): number =>
    changes.filter((change) => change.finding === finding).length
  return `${note}${table(['WHAT', 'FINDING', 'BEFORE', 'AFTER', '', ''], rows)}${count('slower')} slower, ${count('faster')} faster, ${count('noise')} within the noise\n`
}
