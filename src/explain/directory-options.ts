// `lowerdir=L1:L2,upperdir=U,workdir=W` as mount(8) takes it, read for its directories: nothing is mounted. What would
// make names mean something else than explain says is refused rather than left out of the answer.

import { InvalidArgumentError } from '../errors.ts'
import { parseOverlayOptions } from '../view/overlay/overlay-options.ts'
import type { PlainDirectories } from './explain.ts'

/** With these, attributes lead a search elsewhere, or a change does other things. */
const NOT_FOLLOWED: readonly string[] = ['redirect_dir', 'metacopy', 'index']

/** @throws InvalidArgumentError ERR_OPTION, naming the option */
export function parseDirectoryOptions(text: string): PlainDirectories {
  const { lowers, upper, features } = parseOverlayOptions(withWork(text))
  for (const name of NOT_FOLLOWED) {
    const value = features.get(name)
    if (value === undefined || value === 'off' || value === 'nofollow') continue
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot explain with ${name}=${value}: it is told as for ${name}=off, as docker mounts`,
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
