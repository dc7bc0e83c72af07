// How an error is told: one line `shale: ...` on stderr, or one JSON object with --json; stacks at debug and for bugs.
// Knows errors as data; which exit code follows is exit-code.ts's.

import type { CommanderError } from 'commander'
import type { Context } from './context.ts'
import { isKnownError, isSystemError } from './exit-code.ts'
import { jsonLine } from './output.ts'

/** A mistake on the command line itself, found before any verb ran. */
export async function reportUsage(
  error: CommanderError,
  context: Context,
  argv: readonly string[],
): Promise<void> {
  const message = error.message.replace(/^error: /, '').replace(/\n\(Did/, ' (did')
  // The options may not have been settled when the mistake was found.
  if (context.json || argv.includes('--json')) {
    await context.stderr.write(`${jsonLine(errorRecord('ERR_USAGE', message, {}))}\n`)
    return
  }
  await context.stderr.write(`shale: ${message}\nTry 'shale --help'.\n`)
}

/** Prints one error in the form that was asked for. Verbs that go on after a failure call it themselves. */
export async function reportError(error: unknown, context: Context): Promise<void> {
  const { code, message, details, bug } = describe(error)
  if (context.json) {
    await context.stderr.write(`${jsonLine(errorRecord(code, message, details))}\n`)
  } else if (bug) {
    await context.stderr.write(
      `shale: unexpected error, which is a bug in shale: ${message}\n${stackOf(error)}\n`,
    )
    return
  } else {
    const shown = context.logLevel === 'debug' ? `${message} [${code}]` : message
    await context.stderr.write(`shale: ${shown}\n`)
  }
  if (context.logLevel === 'debug') await context.stderr.write(`${stackOf(error)}\n`)
}

function describe(error: unknown): {
  readonly code: string
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
  readonly bug: boolean
} {
  if (isKnownError(error)) {
    return { code: error.code, message: error.message, details: error.details, bug: false }
  }
  if (isSystemError(error)) {
    const { errno, syscall, path, code } = error
    return {
      code: 'ERR_HOST',
      message: error.message,
      details: { errno, code, syscall, path },
      bug: false,
    }
  }
  return { code: 'ERR_INTERNAL', message: String(error), details: {}, bug: true }
}

function errorRecord(code: string, message: string, details: object): object {
  return { error: { code, message, details } }
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  const cause =
    error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause) || String(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
