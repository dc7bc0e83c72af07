// Results as an SVG of horizontal bars, for a page that is light or dark: the median as a bar, the runs' edges as a line
// on it, shale in its own colour. One block for each contest and group, with its own scale.

import { humanSize } from '../../cli/format/units.ts'
import { summary } from '../statistics.ts'
import type { BenchResult, ContestResult, Row } from '../result.ts'
import { ratioTo, secondsText } from './table.ts'

const WIDTH = 860
const LABELS = 290
const VALUES = 170
const BARS = WIDTH - LABELS - VALUES - 20
const ROW = 24
const BAR = 14
const MARGIN = 14

const STYLE = `
  text { font: 13px ui-sans-serif, system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 15px; }
  .note { fill: #57606a; font-size: 12px; }
  .bar { fill: #8c959f; }
  .shale { fill: #0969da; }
  .floor { fill: none; stroke: #57606a; stroke-dasharray: 3 2; }
  .edges { stroke: #24292f; stroke-width: 1; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .note { fill: #9198a1; }
    .bar { fill: #6e7681; }
    .shale { fill: #4493f8; }
    .floor { stroke: #9198a1; }
    .edges { stroke: #e6edf3; }
  }
`

/** @returns a whole SVG document; text in it is escaped */
export function barChart(result: BenchResult): string {
  const parts: string[] = []
  let y = MARGIN
  const text = (content: string, className: string, at: number): void => {
    parts.push(`<text class="${className}" x="${MARGIN}" y="${at}">${escapeXML(content)}</text>`)
  }
  for (const contest of result.contests) {
    for (const group of new Set(contest.rows.map((row) => row.group))) {
      const rows = contest.rows.filter((row) => row.group === group && row.samples.length > 0)
      if (rows.length === 0) continue
      y += 12
      text(blockTitle(contest, group), 'title', y)
      y += 10
      const longest = Math.max(...rows.map((row) => seconds(row).max))
      for (const row of ordered(rows)) {
        parts.push(...barOf(contest, row, longest, y))
        y += ROW
      }
      y += 14
    }
  }
  for (const note of notes(result)) {
    text(note, 'note', (y += 16))
  }
  y += MARGIN
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" role="img">`,
    `<title>${escapeXML(`shale's benchmark, ${result.startedAt.slice(0, 10)}`)}</title>`,
    `<style>${STYLE}</style>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

/** shale's rows as they came, the rest by time: the nearest competitor stands nearest. */
function ordered(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => {
    if (a.subject !== b.subject) return a.subject ? -1 : 1
    return a.subject ? 0 : seconds(a).median - seconds(b).median
  })
}

function barOf(contest: ContestResult, row: Row, longest: number, y: number): string[] {
  const { median, min, max } = seconds(row)
  const x = (value: number): number => Number((LABELS + (BARS * value) / longest).toFixed(1))
  const middle = y + BAR / 2
  const kind = row.subject ? 'bar shale' : row.name.startsWith('floor') ? 'floor' : 'bar'
  const ratio = row.subject ? undefined : ratioTo(contest, row)
  // How many times as long as shale: what the eye compares.
  const times = ratio === undefined ? '' : ` · ${(1 / ratio.median).toFixed(1)}x`
  return [
    `<text x="${LABELS - 8}" y="${middle + 4}" text-anchor="end">${escapeXML(row.name)}</text>`,
    `<rect class="${kind}" x="${LABELS}" y="${y}" width="${Math.max(1, x(median) - LABELS).toFixed(1)}" height="${BAR}" rx="2"/>`,
    `<line class="edges" x1="${x(min)}" y1="${middle}" x2="${x(max)}" y2="${middle}"/>`,
    `<text x="${x(max) + 8}" y="${middle + 4}">${secondsText(median)}${times}</text>`,
  ]
}

function seconds(row: Row): ReturnType<typeof summary> {
  return summary(row.samples.map((sample) => sample.seconds))
}

function blockTitle(contest: ContestResult, group: string | undefined): string {
  const where =
    contest.fileSystem === undefined ? [] : [contest.fileSystem, `${contest.cache} cache`]
  const what =
    group === undefined ? `${contest.suite}: ${contest.title}` : `${contest.suite}: ${group}`
  return [what, ...where].join(', ')
}

function notes({ machine, contests, startedAt }: BenchResult): string[] {
  const input = contests.find((contest) => contest.input !== undefined)?.input
  const runs = Math.max(...contests.flatMap(({ rows }) => rows.map((row) => row.samples.length)), 0)
  return [
    ...(input === undefined
      ? []
      : [
          `${input.name}: ${input.layers} layers, ${input.entries.toLocaleString('en')} entries, ${humanSize(input.tarBytes)} of tar, ${humanSize(input.gzipBytes)} gzipped.`,
        ]),
    `Median of ${runs} interleaved runs, each from a fresh root and with the program's start; the line spans the fastest and the slowest.`,
    `${machine.cores} cores of ${machine.cpu}, ${machine.kernel}, Node ${machine.node}, shale ${machine.shale}, ${startedAt.slice(0, 10)}.`,
  ]
}

function escapeXML(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
}
