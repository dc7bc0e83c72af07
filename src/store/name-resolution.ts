// From what a person types to one image, by docker's rules: an ID, `name`, `name:tag`, `name@digest` (with or without
// a tag between them), or an ID prefix.

import { isDigest, type ImageID } from '../digest/digest.ts'
import { InvalidArgumentError, NotFoundError } from '../errors.ts'
import {
  familiarString,
  parseReference,
  withDefaultTag,
  type Reference,
} from '../reference/reference.ts'
import type { References } from './references.ts'

export interface ResolvedName {
  readonly id: ImageID
  /** The name that matched, as it was given; absent when the text was an ID or a prefix of one. */
  readonly reference?: Reference
}

/**
 * Order as docker has it: a whole ID, then a name in repositories.json, then a unique ID prefix.
 * @throws NotFoundError ERR_IMAGE_NOT_FOUND; InvalidArgumentError ERR_AMBIGUOUS_ID, ERR_REFERENCE_SYNTAX
 */
export function resolveName(
  text: string,
  ids: readonly ImageID[],
  references: References,
): ResolvedName {
  const whole = isDigest(text) ? text : isDigest(`sha256:${text}`) ? `sha256:${text}` : undefined
  if (whole !== undefined) {
    const id = ids.find((candidate) => candidate === whole)
    if (id) return { id }
    throw noSuchImage(text)
  }
  let reference: Reference | undefined
  let syntax: unknown
  try {
    reference = withDefaultTag(parseReference(text))
  } catch (error) {
    syntax = error
  }
  if (reference) {
    const id = references.get(reference)
    if (id) return { id, reference }
    const byDigest = ids.find((candidate) => candidate === reference.digest)
    if (byDigest) return { id: byDigest }
  }
  const prefix = text.startsWith('sha256:') ? text.slice(7) : text
  if (/^[0-9a-f]{1,64}$/.test(prefix)) {
    const matches = ids.filter((id) => id.startsWith(`sha256:${prefix}`))
    if (matches.length === 1) return { id: matches[0]! }
    if (matches.length > 1) {
      throw new InvalidArgumentError(
        'ERR_AMBIGUOUS_ID',
        `Multiple IDs found with provided prefix: ${prefix}; give more digits of one of ${matches.map((id) => id.slice(7, 27)).join(', ')}`,
        {
          details: { prefix, matches },
        },
      )
    }
  }
  if (!reference) throw syntax
  throw noSuchImage(familiarString(reference))
}

function noSuchImage(name: string): NotFoundError {
  return new NotFoundError('ERR_IMAGE_NOT_FOUND', `No such image: ${name}`, { details: { name } })
}
