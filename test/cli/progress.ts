import t from 'tap'
import { bar, ProgressLines, type ProgressOutput } from '../../cli/progress.ts'
import type { Progress } from '../../src/index.ts'

/** A terminal of the given size, which understands what the drawing uses: newline, CR, cursor up, erase below. */
class Screen implements ProgressOutput {
  readonly isTTY = true
  readonly columns: number
  readonly rows: number
  readonly lines: string[] = ['']
  private row = 0
  longest = 0

  constructor(columns: number, rows: number) {
    this.columns = columns
    this.rows = rows
  }

  write(text: string): void {
    // oxlint-disable-next-line no-control-regex -- escape sequences are what a terminal reads
    for (const [part, up] of text.matchAll(/\u001b\[(\d+)A|\u001b\[0J|\r|\n|[^\u001b\r\n]+/g)) {
      if (up !== undefined) this.row -= Number(up)
      else if (part === '\u001b[0J') this.lines.splice(this.row, Infinity, '')
      else if (part === '\n') {
        this.row++
        if (this.row === this.lines.length) this.lines.push('')
      } else if (part !== '\r') {
        this.lines[this.row] += part
        this.longest = Math.max(this.longest, part.length)
      }
      if (this.row < 0 || this.lines.length - this.row > this.rows)
        throw new Error('drew above the window')
    }
  }
}

function layer(
  id: string,
  state: 'waiting' | 'loading' | 'exists' | 'done',
  doneBytes: number,
  totalBytes: number,
): Progress {
  return { kind: 'layer', id, state, doneBytes, totalBytes }
}

function plain(): { output: ProgressOutput; text: () => string } {
  const written: string[] = []
  return { output: { write: (text) => written.push(text) }, text: () => written.join('') }
}

t.test('the bar is docker’s, and left out where the line would not fit', async (t) => {
  t.equal(bar(40e6, 80e6, 120), `[${'='.repeat(25)}>${' '.repeat(25)}]     40MB/80MB`)
  t.equal(bar(80e6, 80e6, 120), `[${'='.repeat(50)}>]     80MB/80MB`)
  t.equal(bar(40e6, 80e6, 80), '    40MB/80MB')
  t.equal(bar(90e6, 80e6, 80), '    90MB', 'more than announced: the count alone')
  t.equal(bar(0, 0, 120), `[${'='.repeat(50)}>]       0B/0B`, 'an empty layer is complete')
})

t.test('a terminal shows done layers above those in flight', async (t) => {
  const screen = new Screen(120, 24)
  let time = 0
  const lines = new ProgressLines(screen, { env: {}, now: () => (time += 1000) })
  lines.update(layer('aaa', 'waiting', 0, 100))
  t.same(screen.lines, [''], 'waiting layers are not shown')
  lines.update(layer('aaa', 'loading', 10, 100))
  lines.update(layer('bbb', 'loading', 20, 200))
  lines.update(layer('aaa', 'loading', 50, 100))
  t.same(screen.lines, [
    `aaa: Loading layer ${bar(50, 100, 120)}`,
    `bbb: Loading layer ${bar(20, 200, 120)}`,
    '',
  ])
  lines.update(layer('bbb', 'done', 200, 200))
  t.same(screen.lines, [
    `bbb: Loading layer ${bar(200, 200, 120)}`,
    `aaa: Loading layer ${bar(50, 100, 120)}`,
    '',
  ])
  lines.update(layer('ccc', 'exists', 5, 5))
  lines.update(layer('ccc', 'exists', 5, 5))
  lines.update({ kind: 'step', text: 'Flushing' })
  t.same(screen.lines, [
    `bbb: Loading layer ${bar(200, 200, 120)}`,
    'ccc: Layer already exists',
    'Flushing',
    `aaa: Loading layer ${bar(50, 100, 120)}`,
    '',
  ])
  lines.finish()
  t.same(
    screen.lines,
    [`bbb: Loading layer ${bar(200, 200, 120)}`, 'ccc: Layer already exists', 'Flushing', ''],
    'nothing half done is left on the screen',
  )
})

t.test('a small window is never drawn over', async (t) => {
  const screen = new Screen(30, 5)
  let time = 0
  const lines = new ProgressLines(screen, { env: {}, now: () => (time += 1000) })
  for (let i = 0; i < 40; i++) lines.update(layer(`layer${i}`, 'loading', i, 40))
  for (let i = 0; i < 40; i++) lines.update(layer(`layer${i}`, 'done', 40, 40))
  lines.finish()
  t.ok(screen.longest < 30, 'no line reaches the edge')
  t.equal(screen.lines.length, 41, 'a line a layer, and the cursor below')
})

t.test('redraws are bounded in number', async (t) => {
  let writes = 0
  const lines = new ProgressLines(
    { isTTY: true, columns: 80, rows: 24, write: () => writes++ },
    { env: {}, now: () => 5 },
  )
  for (let i = 0; i < 1000; i++) lines.update(layer('aaa', 'loading', i, 1000))
  t.equal(writes, 1)
})

t.test('a pipe gets a line at the start and one at the end, without escapes', async (t) => {
  const { output, text } = plain()
  const lines = new ProgressLines(output, { env: {}, verb: 'Saving layer' })
  lines.update(layer('aaa', 'waiting', 0, 2000))
  for (let i = 0; i <= 2000; i += 100) lines.update(layer('aaa', 'loading', i, 2000))
  lines.update(layer('aaa', 'done', 2000, 2000))
  lines.update(layer('bbb', 'exists', 1, 1))
  lines.finish()
  t.equal(text(), 'aaa: Saving layer 2kB\naaa: done\nbbb: Layer already exists\n')
})

t.test('a dumb terminal is a pipe', async (t) => {
  const { output, text } = plain()
  const lines = new ProgressLines({ ...output, isTTY: true }, { env: { TERM: 'dumb' } })
  lines.update(layer('aaa', 'done', 1, 1))
  t.equal(text(), 'aaa: done\n')
})

t.test('quiet draws nothing', async (t) => {
  const { output, text } = plain()
  const lines = new ProgressLines({ ...output, isTTY: true }, { quiet: true, env: {} })
  lines.update(layer('aaa', 'loading', 1, 2))
  lines.update(layer('aaa', 'done', 2, 2))
  lines.update({ kind: 'step', text: 'x' })
  lines.finish()
  t.equal(text(), '')
})
