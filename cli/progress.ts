// How a long transfer looks: on a terminal one line a layer in docker's words, redrawn in place; anywhere else a plain
// line when a layer starts and when it ends. Knows what a line looks like; refuses to know what is transferred.
//
// Lines of layers that are done stand still above; only those in flight are redrawn, so that a small window is enough
// for an image of a hundred layers.

import type { Progress } from '../src/index.ts'
import { humanSize } from './format/units.ts'
import type { Sink } from './output.ts'

/** As much of a tty.WriteStream as drawing needs. */
export interface ProgressOutput {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

export interface ProgressOptions {
  /** Nothing is drawn. */
  readonly quiet?: boolean
  /** What docker calls it: `Loading layer` (default). */
  readonly verb?: string
  /** Default: process.env. A terminal that calls itself dumb gets plain lines. */
  readonly env?: NodeJS.ProcessEnv
  /** For tests. Default Date.now. */
  readonly now?: () => number
}

/** Progress on a sink of the command line. A stderr that nobody reads does not stop the work. */
export function progressOn(sink: Sink, options: ProgressOptions = {}): ProgressLines {
  const output: ProgressOutput = {
    write: (text) => {
      sink.write(text).catch(() => {})
    },
    isTTY: sink.isTerminal,
    get columns() {
      return sink.columns || 80 // a terminal that nobody gave a size says 0
    },
    get rows() {
      return process.stderr.rows || 24
    },
  }
  return new ProgressLines(output, options)
}

type LayerProgress = Extract<Progress, { kind: 'layer' }>

/** Time between two redraws: more often than that nobody can read. */
const REDRAW_MS = 80
const BAR_COLUMNS = 50
/** docker draws the bar only where there is room for all of the line. */
const BAR_NEEDS_COLUMNS = 110

/** Call `finish` before anything else is written to the same terminal, also after a failure. */
export class ProgressLines {
  private readonly output: ProgressOutput
  private readonly verb: string
  private readonly mode: 'none' | 'plain' | 'redraw'
  private readonly now: () => number
  /** Layers in flight, in the order in which they started. */
  private readonly live = new Map<string, LayerProgress>()
  private readonly settled = new Set<string>()
  private drawnLines = 0
  private drawnAt = 0

  constructor(output: ProgressOutput, options: ProgressOptions = {}) {
    this.output = output
    this.verb = options.verb ?? 'Loading layer'
    this.now = options.now ?? Date.now
    const dumb = (options.env ?? process.env)['TERM'] === 'dumb'
    if (options.quiet === true) this.mode = 'none'
    else this.mode = output.isTTY === true && !dumb ? 'redraw' : 'plain'
  }

  /** To be given as `onProgress`. */
  readonly update = (progress: Progress): void => {
    if (this.mode === 'none') return
    if (progress.kind === 'step') {
      this.writeAbove([progress.text])
      return
    }
    // A layer that two images share is told of twice.
    if (progress.state === 'waiting' || this.settled.has(progress.id)) return
    if (progress.state === 'done' || progress.state === 'exists') {
      this.live.delete(progress.id)
      this.settled.add(progress.id)
      this.writeAbove([this.settledLine(progress)])
      return
    }
    const isNew = !this.live.has(progress.id)
    this.live.set(progress.id, progress)
    if (this.mode === 'redraw') this.redraw(isNew)
    else if (isNew)
      this.output.write(`${progress.id}: ${this.verb} ${byteText(progress.totalBytes)}\n`)
  }

  /** Takes what is in flight off the terminal; what is done stays. */
  finish(): void {
    if (this.mode !== 'redraw') return
    this.output.write(this.erased())
    this.drawnLines = 0
    this.live.clear()
  }

  private settledLine(progress: LayerProgress): string {
    if (progress.state === 'exists') return `${progress.id}: Layer already exists`
    if (this.mode === 'plain') return `${progress.id}: done`
    return `${progress.id}: ${this.verb} ${bar(progress.totalBytes, progress.totalBytes, this.output.columns)}`
  }

  private writeAbove(lines: readonly string[]): void {
    if (this.mode === 'plain') {
      for (const line of lines) this.output.write(`${line}\n`)
      return
    }
    const text = lines.map((line) => `${this.cut(line)}\n`).join('')
    this.output.write(this.erased() + text + this.liveText())
    this.drawnAt = this.now()
  }

  private redraw(force: boolean): void {
    const now = this.now()
    if (!force && now - this.drawnAt < REDRAW_MS) return
    this.drawnAt = now
    this.output.write(this.erased() + this.liveText())
  }

  /** Up to the first of our lines, and everything from there on gone. */
  private erased(): string {
    return this.drawnLines === 0 ? '' : `\u001b[${this.drawnLines}A\r\u001b[0J`
  }

  /** The live lines; sets how many there are. Never more than the window holds: what scrolled off cannot be redrawn. */
  private liveText(): string {
    const room = Math.max(1, (this.output.rows ?? 24) - 1)
    const shown = [...this.live.values()].slice(0, room)
    this.drawnLines = shown.length
    return shown
      .map((layer) => {
        const text = bar(layer.doneBytes, layer.totalBytes, this.output.columns)
        return `${this.cut(`${layer.id}: ${this.verb} ${text}`)}\n`
      })
      .join('')
  }

  /** A line that wraps would count as two, and the redraw would eat what stands above. */
  private cut(line: string): string {
    const columns = this.output.columns ?? 80
    return line.length < columns ? line : line.slice(0, Math.max(1, columns - 1))
  }
}

/** docker's `[=====>   ]  12MB/80MB`; without the bar where a line would not fit. */
export function bar(doneBytes: number, totalBytes: number, columns = 80): string {
  const counts =
    doneBytes > totalBytes
      ? byteText(doneBytes).padStart(8)
      : `${byteText(doneBytes).padStart(8)}/${byteText(totalBytes)}`
  if (columns <= BAR_NEEDS_COLUMNS) return counts
  const share = totalBytes > 0 ? Math.min(1, doneBytes / totalBytes) : 1
  const filled = Math.floor(share * BAR_COLUMNS)
  return `[${'='.repeat(filled)}>${' '.repeat(BAR_COLUMNS - filled)}] ${counts}`
}

/** As docker's progress shows sizes: `131.8MB`. */
function byteText(bytes: number): string {
  return humanSize(bytes, 4)
}
