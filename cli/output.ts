// Where output goes: stdout for results, stderr for all else, each a sink that a test can stand in for.
// Knows bytes, terminals and closed pipes; knows nothing of what is printed.

import { safeJSON } from './format/safe-text.ts'

export interface Sink {
  /** Resolves when the bytes are handed over. @throws ClosedPipe when the reader is gone */
  write(data: string | Uint8Array): Promise<void>
  readonly isTerminal: boolean
  /** Width of the terminal; undefined elsewhere. */
  readonly columns: number | undefined
}

/** The reader of stdout closed it (`| head`), or its terminal is gone: nothing is wrong, and nothing more can be said. */
export class ClosedPipe extends Error {
  constructor() {
    super('the reader of the output closed it')
    this.name = 'ClosedPipe'
  }
}

export class StreamSink implements Sink {
  private readonly stream: NodeJS.WriteStream
  private closed = false

  /** @param onClosed called once when the reader goes away, also between two writes */
  constructor(stream: NodeJS.WriteStream, onClosed: () => void = () => {}) {
    this.stream = stream
    // Without a listener, EPIPE between two writes would end the process with a stack trace.
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (!this.isGone(error) || this.closed) return
      this.closed = true
      onClosed()
    })
  }

  get isTerminal(): boolean {
    return this.stream.isTTY ?? false
  }

  get columns(): number | undefined {
    return this.stream.isTTY ? this.stream.columns : undefined
  }

  /** A terminal whose window was closed answers EIO. */
  private isGone({ code }: NodeJS.ErrnoException): boolean {
    return code === 'EPIPE' || (code === 'EIO' && this.isTerminal)
  }

  async write(data: string | Uint8Array): Promise<void> {
    if (data.length === 0) return
    if (this.closed) throw new ClosedPipe()
    await new Promise<void>((resolve, reject) => {
      this.stream.write(data, (error) => {
        if (!error) resolve()
        else if (this.isGone(error)) reject(new ClosedPipe())
        else reject(Object.assign(error, { message: `cannot write the output: ${error.message}` }))
      })
    })
  }
}

/** Joins lines into writes of some 64 KiB: a listing of many thousand rows must not cost a system call each. */
export class LineWriter {
  private readonly sink: Sink
  private readonly signal: AbortSignal
  private pending = ''

  constructor(sink: Sink, signal: AbortSignal) {
    this.sink = sink
    this.signal = signal
  }

  async line(text: string): Promise<void> {
    this.pending += `${text}\n`
    if (this.pending.length >= 65_536) await this.flush()
  }

  async flush(): Promise<void> {
    const text = this.pending
    this.pending = ''
    await this.sink.write(text)
    // Pipes are written synchronously: without a turn of the event loop, Ctrl-C would not be heard until the end.
    await new Promise<void>((resolve) => setImmediate(resolve))
    this.signal.throwIfAborted()
  }
}

/** For `--json`: indented, so that it is readable; key order is the record's; bigints become numbers or, beyond 2^53, strings. */
export function jsonText(value: unknown): string {
  return `${safeJSON(JSON.stringify(value, jsonValue, 2))}\n`
}

/** The same on one line, without a newline. */
export function jsonLine(value: unknown): string {
  return safeJSON(JSON.stringify(value, jsonValue))
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
}
