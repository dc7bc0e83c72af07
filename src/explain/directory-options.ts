// `lowerdir=L1:L2,upperdir=U,workdir=W` as mount(8) takes it, read for its directories: nothing is mounted. What would
// make names mean something else than explain says is refused rather than left out of the answer.

import { InvalidArgumentError } from '../errors.ts'
import { parseOverlayOptions } from '../view/overlay/overlay-options.ts'
import type { PlainDirectories } from './explain.ts'

/**
 * With these, attributes lead a search elsewhere, names are removals, or a change does other things. First the value that
 * is explained.
 */
const EXPLAINED: Readonly<Record<string, readonly [string, ...string[]]>> = {
  redirect_dir: ['off', 'nofollow'],
  metacopy: ['off'],
  index: ['off'],
  whiteouts: ['marks'],
}

/** @throws InvalidArgumentError ERR_OPTION, naming the option */
export function parseDirectoryOptions(text: string): PlainDirectories {
  const { lowers, upper, features } = parseOverlayOptions(withWork(text))
  for (const [name, values] of Object.entries(EXPLAINED)) {
    const value = features.get(name)
    if (value === undefined || values.includes(value)) continue
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot explain with ${name}=${value}: it is told as for ${name}=${values[0]}, as docker mounts`,
      { details: { option: name } },
    )
  }
  return { lowers, ...(upper === undefined ? {} : { upper }) }
}

/** A mount needs a work directory beside its upper one; a question does not, since nothing is worked on. */
function withWork(text: string): string {
  const names = (name: string): boolean => new RegExp(`(?:^|,)${name}=`).test(text)
  return names('upperdir') && !names('workdir') ? `${text},workdir=.` : text
}
