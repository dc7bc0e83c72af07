// What the run is doing now: on a terminal one line that is redrawn, elsewhere one line for each run that is over.

export interface Progress {
  begin(what: string): void
  end(outcome: string): void
  /** Takes the line off the terminal, so that something else can be printed. */
  clear(): void
}

interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

const REDRAW_MS = 250

export function progressOn(output: Output): Progress {
  const redraws = output.isTTY === true
  let what = ''
  let begun = 0
  let timer: NodeJS.Timeout | undefined

  const draw = (): void => {
    const text = `${what} · ${((Date.now() - begun) / 1000).toFixed(0)} s`
    const columns = output.columns || 80 // a terminal that nobody gave a size says 0
    output.write(`\r\u001b[K${text.length < columns ? text : text.slice(0, columns - 1)}`)
  }
  const stop = (): void => {
    clearInterval(timer)
    timer = undefined
  }
  return {
    begin(now): void {
      what = now
      begun = Date.now()
      if (!redraws) return
      stop()
      draw()
      timer = setInterval(draw, REDRAW_MS)
      timer.unref()
    },
    end(outcome): void {
      stop()
      if (!redraws) output.write(`${what}: ${outcome}\n`)
    },
    clear(): void {
      stop()
      if (redraws) output.write('\r\u001b[K')
    },
  }
}
