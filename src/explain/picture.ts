// An explanation as a picture: a column for each component of the path, a row for each layer, and a line that goes down
// through the layers as far as the search does. One SVG text that needs nothing else: colours for light and for dark,
// the fonts of the reader's system.
// Knows the records of explain.ts and the words of sentences.ts.

import type { ExplainedSight, ExplainedStep, Explanation } from './explain.ts'
import { changeText, endText, holdingText, nothingToDoText, refusalText } from './sentences.ts'
import type { Language } from './sentences.ts'

export interface PictureOptions {
  readonly language?: Language
}

const LABEL_WIDTH = 140
const COLUMN_WIDTH = 168
const ROW_HEIGHT = 58
const BOX = { width: 140, height: 40 }
const TOP = 92
const MARGIN = 20
const FOOT_LINE = 22
/** Of a character, on the average; in the unit of the picture. */
const CHARACTER = 7.4

export const PICTURE_STYLE: string = `
.sx-back{fill:#fbfaf7}.sx-band{fill:#f1efe9}.sx-line{stroke:#d8d4c9}.sx-text{fill:#2b2a27}.sx-dim{fill:#6d6a62}
.sx-box{fill:#fff;stroke:#a9a497}.sx-file .sx-box{fill:#e3eefb;stroke:#3b76b8}.sx-directory .sx-box{fill:#fff;stroke:#3b76b8}
.sx-whiteout .sx-box{fill:#fbe6e2;stroke:#b8483b}.sx-nothing .sx-box{fill:none;stroke:#c9c4b6;stroke-dasharray:3 4}
.sx-opaque .sx-box{fill:#f6ead0;stroke:#a6781c}.sx-hidden{opacity:.42}
.sx-way{stroke:#2f7d5b;fill:none}.sx-dot{fill:#2f7d5b}.sx-stop{fill:#b8483b}
.sx-sans{font-family:system-ui,-apple-system,"Segoe UI","Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
.sx-mono{font-family:ui-monospace,"SF Mono","Cascadia Mono","DejaVu Sans Mono",Menlo,Consolas,"Noto Sans CJK SC",monospace}
@media (prefers-color-scheme:dark){
.sx-back{fill:#1c1d20}.sx-band{fill:#25272b}.sx-line{stroke:#3a3d43}.sx-text{fill:#e6e4de}.sx-dim{fill:#a09d95}
.sx-box{fill:#1c1d20;stroke:#6d6f76}.sx-file .sx-box{fill:#1d3450;stroke:#79aee8}.sx-directory .sx-box{fill:#1c1d20;stroke:#79aee8}
.sx-whiteout .sx-box{fill:#45231f;stroke:#e58a7e}.sx-nothing .sx-box{fill:none;stroke:#4d5057}
.sx-opaque .sx-box{fill:#40331a;stroke:#dab25a}.sx-way{stroke:#6fc79d}.sx-dot{fill:#6fc79d}.sx-stop{fill:#e58a7e}}
`.trim()

interface Row {
  /** Index into the layers; a negative number of layers that are left out. */
  readonly layer: number
  readonly y: number
}

/** @returns one `<svg>` element, with `xmlns`: a file of its own, or a part of a page */
export function explanationPicture(explanation: Explanation, options: PictureOptions = {}): string {
  const language = options.language ?? 'en'
  const { steps } = explanation
  const rows = rowsOf(explanation)
  const bottom = TOP + rows.length * ROW_HEIGHT
  const foot = footLines(explanation, language)
  const longest = Math.max(...foot.map(textWidth), textWidth(title(explanation)) * 1.15)
  const width = Math.max(
    LABEL_WIDTH + steps.length * COLUMN_WIDTH + MARGIN,
    Math.ceil(longest) + 2 * MARGIN,
    380,
  )
  const height = bottom + 16 + foot.length * FOOT_LINE + MARGIN
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(endText(explanation, language))}">`,
    `<style>${PICTURE_STYLE}</style>`,
    `<rect class="sx-back" width="${width}" height="${height}" rx="10"/>`,
    text(MARGIN, 34, title(explanation), 'sx-mono sx-text', 16, 600),
    ...steps.map((step, index) =>
      text(columnX(index), 72, shortened(nameOf(step), 18), 'sx-mono sx-text', 13, 600, 'middle'),
    ),
    ...rows.flatMap((row, index) => rowParts(explanation, row, index, width, language)),
    ...steps.flatMap((step, index) => columnParts(step, index, rows, language)),
    ...foot.map((line, index) =>
      text(MARGIN, bottom + 30 + index * FOOT_LINE, line, 'sx-sans sx-text', 13),
    ),
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}

/** Layers that hold nothing of any component stand together in one row, where there are many. */
function rowsOf({ layers, steps }: Explanation): Row[] {
  const out: Row[] = []
  let skipped = 0
  const push = (layer: number): void => {
    out.push({ layer, y: TOP + out.length * ROW_HEIGHT })
  }
  const flush = (until: number): void => {
    if (skipped === 1) push(until - 1)
    else if (skipped > 1) push(-skipped)
    skipped = 0
  }
  for (const [index, layer] of layers.entries()) {
    const isIdle = steps.every((step) => step.sights[index]!.holds === 'nothing')
    if (isIdle && layer.role !== 'upper' && layers.length > 6) {
      skipped++
      continue
    }
    flush(index)
    push(index)
  }
  flush(layers.length)
  return out
}

function rowParts(
  { layers }: Explanation,
  { layer, y }: Row,
  index: number,
  width: number,
  language: Language,
): string[] {
  const label =
    layer < 0
      ? language === 'en'
        ? `${-layer} more layers`
        : `另外 ${-layer} 层`
      : layers[layer]!.label
  const middle = y + ROW_HEIGHT / 2
  return [
    ...(index % 2 === 0
      ? [`<rect class="sx-band" x="0" y="${y}" width="${width}" height="${ROW_HEIGHT}"/>`]
      : []),
    text(
      MARGIN,
      middle + 4,
      shortened(label, 15),
      layer < 0 ? 'sx-sans sx-dim' : 'sx-mono sx-text',
      13,
    ),
  ]
}

function columnParts(
  step: ExplainedStep,
  column: number,
  rows: readonly Row[],
  language: Language,
): string[] {
  const x = columnX(column)
  const boxes: string[] = []
  const way: number[] = []
  let stop: number | undefined
  for (const { layer, y } of rows) {
    const middle = y + ROW_HEIGHT / 2
    if (layer < 0) continue
    const sight = step.sights[layer]!
    boxes.push(boxParts(sight, x, middle, language))
    if (sight.verdict === 'not-asked') continue
    way.push(middle)
    if (sight.verdict === 'removes' || sight.verdict === 'ends') stop = middle
  }
  const from = TOP - 10
  const last = way.at(-1)
  if (last === undefined) return boxes
  const side = x - BOX.width / 2 - 9
  const dots = way.map(
    (y) => `<circle class="${y === stop ? 'sx-stop' : 'sx-dot'}" cx="${side}" cy="${y}" r="3.5"/>`,
  )
  return [`<path class="sx-way" d="M${side} ${from}V${last}" stroke-width="2"/>`, ...boxes, ...dots]
}

function boxParts(sight: ExplainedSight, x: number, y: number, language: Language): string {
  const { holds, opaque, verdict } = sight
  const kind = holds === 'whiteout' || holds === 'nothing' || holds === 'directory' ? holds : 'file'
  const classes = [
    `sx-${kind}`,
    opaque ? 'sx-opaque' : '',
    verdict === 'not-asked' ? 'sx-hidden' : '',
  ]
  const label = holds === 'nothing' ? '–' : shortLabel(holdingText(holds, opaque, language))
  return [
    `<g class="${classes.filter(Boolean).join(' ')}">`,
    `<rect class="sx-box" x="${x - BOX.width / 2}" y="${y - BOX.height / 2}" width="${BOX.width}" height="${BOX.height}" rx="6" stroke-width="1.5"/>`,
    text(
      x,
      y + 4,
      label,
      holds === 'nothing' ? 'sx-sans sx-dim' : 'sx-sans sx-text',
      12.5,
      400,
      'middle',
    ),
    '</g>',
  ].join('')
}

/** The explanation in brackets is for sentences. */
function shortLabel(label: string): string {
  return label.replace(/（[^）]*）/g, ' ')
}

function footLines(explanation: Explanation, language: Language): string[] {
  const { operation } = explanation
  if (operation === undefined) return [endText(explanation, language)]
  const { op, to, refusal, changes } = operation
  const target = to === undefined ? '' : ` ${to}`
  const head = `${op} ${explanation.path}${target}`
  const lines =
    refusal !== undefined
      ? [refusalText(refusal, language)]
      : changes.length === 0
        ? [nothingToDoText(language)]
        : changes.map(
            (change, index) => `${index + 1}. ${changeText(change, explanation, language)}`,
          )
  return [endText(explanation, language), '', head, ...lines].flatMap((line) => wrapped(line, 96))
}

/** At spaces; Chinese at any character. */
function wrapped(line: string, widthMax: number): string[] {
  const out: string[] = []
  let rest = line
  while (textWidth(rest) > widthMax * CHARACTER) {
    let end = rest.length
    while (textWidth(rest.slice(0, end)) > widthMax * CHARACTER) end--
    const space = rest.lastIndexOf(' ', end)
    const cut = space > end / 2 ? space : end
    out.push(rest.slice(0, cut))
    rest = `   ${rest.slice(cut).trimStart()}`
  }
  return [...out, rest]
}

function title({ path, subject }: Explanation): string {
  return shortened(`${path}  ·  ${subject}`, 90)
}

function nameOf({ path }: ExplainedStep): string {
  return path === '/' ? '/' : path.slice(path.lastIndexOf('/') + 1)
}

function columnX(index: number): number {
  return LABEL_WIDTH + index * COLUMN_WIDTH + COLUMN_WIDTH / 2
}

/** An estimate: Chinese characters are as wide as they are high. */
function textWidth(line: string): number {
  let width = 0
  for (const character of line) width += character.charCodeAt(0) > 0x2e7f ? 13.2 : CHARACTER
  return width
}

function shortened(line: string, lengthMax: number): string {
  return line.length <= lengthMax ? line : `${line.slice(0, lengthMax - 1)}…`
}

function text(
  x: number,
  y: number,
  line: string,
  classes: string,
  size: number,
  weight = 400,
  anchor = 'start',
): string {
  const middle = anchor === 'start' ? '' : ` text-anchor="${anchor}"`
  return `<text x="${x}" y="${y}" class="${classes}" font-size="${size}" font-weight="${weight}"${middle} xml:space="preserve">${escaped(line)}</text>`
}

/** Names in an image are a stranger's: they are text here and nothing else. Control characters are not XML at all. */
function escaped(line: string): string {
  return (
    line
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      // eslint-disable-next-line no-control-regex
      .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]/g, '\ufffd')
  )
}
