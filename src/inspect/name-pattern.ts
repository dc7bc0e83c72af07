// The name filter of listings: docker holds a regular expression against the name (filters.Args.Match), anywhere in it.
// One that is none is refused here, where docker finds nothing.

import { InvalidArgumentError } from '../errors.ts'

/** @throws InvalidArgumentError ERR_OPTION */
export function namePattern(value: string): RegExp {
  try {
    return new RegExp(value, 'u')
  } catch (cause) {
    const filter = `name=${value}`
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot filter by ${JSON.stringify(filter)}: it is no regular expression (${(cause as Error).message})`,
      { details: { filter } },
    )
  }
}
