// `lowerdir=L1:L2,upperdir=U,workdir=W` as mount(8) takes it, read for its directories alone: nothing is mounted, so
// what else an option string may say has no meaning here, and is refused but for the words that change no lookup.

import { InvalidArgumentError } from '../errors.ts'
import type { PlainDirectories } from './explain.ts'

/** They say how changes are kept or who may look, not which layer answers. */
const MEANINGLESS_HERE =
  /^(?:workdir=.*|ro|rw|userxattr|volatile|noatime|relatime|nosuid|nodev|noexec|index=off|metacopy=off|redirect_dir=(?:off|nofollow)|xino=.*|uuid=.*|allow_other)$/s

/** @throws InvalidArgumentError ERR_OPTION, naming the option */
export function parseDirectoryOptions(text: string): PlainDirectories {
  const lowers: string[] = []
  let upper: string | undefined
  for (const option of split(text, ',')) {
    const equals = option.indexOf('=')
    const value = option.slice(equals + 1)
    const name = equals < 0 ? option : option.slice(0, equals)
    if (name === 'lowerdir') lowers.push(...split(value, ':').map(unescaped))
    else if (name === 'lowerdir+') lowers.push(unescaped(value))
    else if (name === 'upperdir') upper = unescaped(value)
    else if (option !== '' && !MEANINGLESS_HERE.test(option)) {
      throw refused(option, 'it is not known here; give lowerdir=, upperdir= and workdir=')
    }
  }
  if (lowers.length === 0) throw refused('lowerdir', 'it is missing; give at least one directory')
  if ([...lowers, upper].includes('')) throw refused(text, 'one of its directories has no name')
  return { lowers, ...(upper === undefined ? {} : { upper }) }
}

/** At separators that no backslash stands before; the backslashes stay. */
function split(text: string, separator: string): string[] {
  const out = ['']
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') out.push(out.pop()! + text.slice(i, ++i + 1))
    else if (text[i] === separator) out.push('')
    else out.push(out.pop()! + text[i]!)
  }
  return out
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/gs, '$1')
}

function refused(option: string, reason: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'ERR_OPTION',
    `cannot read the overlay option ${JSON.stringify(option)}: ${reason}`,
    { details: { option } },
  )
}
