// Runs a command line of shale inside the test's own process, with sinks that remember: for tables of many cases, where
// a process each would take minutes. What only a process shows (signals, closed pipes) is test/support/cli.ts's.

import { Readable } from 'node:stream'
import { Context } from '../../cli/context.ts'
import type { Sink } from '../../cli/output.ts'
import { run } from '../../cli/program.ts'

export interface InProcessOptions {
  readonly root: string
  readonly stdin?: Uint8Array | string
  /** Which of the three are terminals; default none. */
  readonly terminal?: {
    readonly stdin?: boolean
    readonly stdout?: boolean
    readonly stderr?: boolean
  }
  readonly signal?: AbortSignal
  readonly env?: NodeJS.ProcessEnv
}

export interface InProcessOutput {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly stdoutBytes: Buffer
}

class MemorySink implements Sink {
  readonly chunks: Buffer[] = []
  readonly isTerminal: boolean
  readonly columns: number | undefined

  constructor(isTerminal: boolean) {
    this.isTerminal = isTerminal
    this.columns = isTerminal ? 80 : undefined
  }

  async write(data: string | Uint8Array): Promise<void> {
    // What is written is copied: a writer may use its buffer again.
    this.chunks.push(Buffer.from(data))
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }
}

/** `shale --root ROOT ARGS` to its end. */
export async function shaleInProcess(
  args: readonly string[],
  options: InProcessOptions,
): Promise<InProcessOutput> {
  const { terminal = {} } = options
  const stdout = new MemorySink(terminal.stdout ?? false)
  const stderr = new MemorySink(terminal.stderr ?? false)
  const stdin = Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)])
  Object.assign(stdin, { isTTY: terminal.stdin ?? false })
  const context = new Context({
    stdin: stdin as NodeJS.ReadStream,
    stdout,
    stderr,
    env: options.env ?? {},
    signal: options.signal ?? new AbortController().signal,
  })
  const code = await run(['--root', options.root, ...args], context)
  return {
    code,
    stdout: stdout.bytes.toString('utf8'),
    stderr: stderr.bytes.toString('utf8'),
    stdoutBytes: stdout.bytes,
  }
}
