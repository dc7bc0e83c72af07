// SIGINT, SIGTERM and SIGHUP as a request to end: the first is passed on, so that what was begun is undone; whoever asks
// again wants out now. Knows signals; what is undone, the verbs know.

import { EXIT, type ExitCode } from './exit-code.ts'

export type EndSignal = 'SIGHUP' | 'SIGINT' | 'SIGTERM'

export const END_CODES: Readonly<Record<EndSignal, ExitCode>> = {
  SIGHUP: EXIT.hungUp,
  SIGINT: EXIT.interrupted,
  SIGTERM: EXIT.terminated,
}

/**
 * One request often comes as two signals: timeout(1) tells its child and then its process group, and npm passes on to
 * its child what the terminal has told that child already. Nobody asks twice in earnest within this time.
 */
const ECHO_MS = 1000

/** @param onFirst called once; a later signal ends the process with its code */
export function onEndRequest(onFirst: (signal: EndSignal) => void): void {
  let firstAt: number | undefined
  for (const signal of Object.keys(END_CODES) as EndSignal[]) {
    process.on(signal, () => {
      const now = performance.now()
      if (firstAt === undefined) {
        firstAt = now
        onFirst(signal)
      } else if (now - firstAt >= ECHO_MS) process.exit(END_CODES[signal])
    })
  }
}
