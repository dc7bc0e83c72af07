// What is said where an option of create cannot be meant: docker's words, with the option's name for programs.

import { InvalidArgumentError } from '../errors.ts'

export function wrongOption(option: string, value: string, message: string): InvalidArgumentError {
  return new InvalidArgumentError('ERR_OPTION', message, { details: { option, value } })
}

/** docker's client, for what it refuses before it asks anybody. */
export function wrongArgument(option: string, value: string, reason: string): InvalidArgumentError {
  return wrongOption(
    option,
    value,
    `invalid argument ${JSON.stringify(value)} for "--${option}" flag: ${reason}`,
  )
}
