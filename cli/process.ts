// The process around the command line: signals become an AbortSignal, the outcome becomes an exit code.

import { isatty } from 'node:tty'
import { Context } from './context.ts'
import { onEndRequest } from './end-request.ts'
import { ClosedPipe, StreamSink } from './output.ts'
import { Interrupted, run } from './program.ts'

/**
 * Runs one command line, and ends this process with its exit code.
 * @param told what the code is to whoever started it
 */
export async function runProcess(
  argv: readonly string[],
  told: (code: number) => number = (code) => code,
): Promise<never> {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd))
  const abort = new AbortController()
  onEndRequest((signal) => abort.abort(new Interrupted(signal)))
  const context = new Context({
    // Opened only by a verb that reads it.
    get stdin() {
      return process.stdin
    },
    stdout: new StreamSink(process.stdout, () => abort.abort(new ClosedPipe())),
    stderr: new StreamSink(process.stderr),
    env: process.env,
    signal: abort.signal,
  })
  const code = await run(argv, context)
  // Node puts a terminal's modes back when it exits, and crashes where the terminal is gone: a signal ends it without.
  if (!terminals.every((fd) => isatty(fd))) {
    process.removeAllListeners('SIGHUP')
    process.kill(process.pid, 'SIGHUP')
  }
  // Every write was awaited, so nothing is lost by leaving at once; idle workers must not hold the process.
  process.exit(told(code))
}
