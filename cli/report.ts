// How an error is told: one line `shale: ...` on stderr, or one JSON object with --json; stacks at debug and for bugs.
// Knows errors as data; which exit code follows is exit-code.ts's.

import type { Context } from './context.ts'
import { isKnownError, isSystemError } from './exit-code.ts'
import { safeLines, safeText } from './format/safe-text.ts'
import { ClosedPipe, jsonLine } from './output.ts'

/**
 * A mistake on the command line itself, found before any verb ran.
 * @param told in commander's words
 * @param asked.help the words before `--help` that tell more: `shale images`
 */
export async function reportUsage(
  told: string,
  context: Context,
  asked: { readonly argv: readonly string[]; readonly help: string },
): Promise<void> {
  const message = told.replace(/^error: /, '').replace(/\n\(Did/, ' (did')
  // The options may not have been settled when the mistake was found.
  if (context.json || asked.argv.includes('--json')) {
    await say(context, errorLine({ code: 'ERR_USAGE', message, details: {} }))
  } else await say(context, `shale: ${safeText(message)}\nTry '${asked.help} --help'.`)
}

/** Prints one error in the form that was asked for. Verbs that go on after a failure call it themselves. */
export async function reportError(error: unknown, context: Context): Promise<void> {
  const { code, message, details, bug } = describe(error)
  const debug = context.logLevel === 'debug'
  const stack = bug || debug ? safeLines(stackOf(error)) : undefined
  if (context.json) {
    const record = { code, message, details, ...(stack === undefined ? {} : { stack }) }
    await say(context, errorLine(record))
    return
  }
  const what = bug ? 'unexpected error, which is a bug in shale: ' : ''
  await say(context, `shale: ${what}${safeText(message)}${debug ? ` [${code}]` : ''}`)
  if (stack !== undefined) await say(context, stack)
}

/** Whether anybody reads stderr does not change how it ended. */
async function say(context: Context, text: string): Promise<void> {
  try {
    await context.stderr.write(`${text}\n`)
  } catch (error) {
    if (!(error instanceof ClosedPipe)) throw error
  }
}

/** As the library sorts them, for the calls of node:fs that nobody wrapped. */
const HOST_CODES: Readonly<Record<string, string>> = {
  EACCES: 'ERR_PERMISSION',
  EPERM: 'ERR_PERMISSION',
  ENOSPC: 'ERR_DISK_FULL',
  EDQUOT: 'ERR_DISK_FULL',
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
    const { syscall, path, code = '' } = error
    if (syscall === 'uv_cwd') {
      const message = `cannot tell the current directory: it is not there any more (${code}); change to another one`
      return { code: 'ERR_HOST', message, details: { errno: code, syscall }, bug: false }
    }
    // Node's form is `EACCES: permission denied, open '/x'`.
    const reason = /^\w+: ([^,]+)/.exec(error.message)?.[1]
    const message =
      reason === undefined
        ? error.message
        : `cannot ${syscall} ${path ?? 'a file'}: ${reason} (${code})`
    return {
      code: HOST_CODES[code] ?? 'ERR_HOST',
      message,
      details: { errno: code, syscall, path },
      bug: false,
    }
  }
  return { code: 'ERR_INTERNAL', message: String(error), details: {}, bug: true }
}

function errorLine(error: object): string {
  return jsonLine({ error })
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : 'no error object'
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
