// What to do about a bound that was reached: the one sentence that every LimitError of an archive ends in. Said here,
// where an archive's way begins, since whoever counts knows the bound's name and not that there is an option.

import { LimitError } from '../errors.ts'

/** The error with `--limit NAME=...` in its message, if it is one of a bound that can be set. */
export function withRemedy(error: unknown): unknown {
  if (!(error instanceof LimitError) || error.message.includes('--limit ')) return error
  const { name } = error.details
  if (typeof name !== 'string') return error
  return new LimitError(
    error.code,
    `${error.message}; if you trust it, allow more by --limit ${name}=NUMBER`,
    { cause: error, details: error.details },
  )
}
