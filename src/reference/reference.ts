// Image names: the grammar of distribution/reference, and docker's two spellings of a name (full and familiar).
// Pure: knows text only. Whether a name exists, and whether a text is rather an image ID, is asked elsewhere.

import { isDigest } from '../digest/digest.ts'
import type { Digest } from '../digest/digest.ts'
import { InvalidArgumentError } from '../errors.ts'

/** A name as docker normalises it: `debian` is { domain: 'docker.io', path: 'library/debian' }. */
export interface Reference {
  readonly domain: string
  readonly path: string
  readonly tag?: string
  readonly digest?: Digest
}

export const DEFAULT_DOMAIN = 'docker.io'
export const DEFAULT_TAG = 'latest'
const LEGACY_DOMAIN = 'index.docker.io'
const OFFICIAL = 'library'
/** Domain and path together; since distribution/reference 0.6 the path alone, but older engines read our store too. */
const NAME_CHARS_MAX = 255

const DOMAIN_LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const HOST = `(?:${DOMAIN_LABEL}(?:\\.${DOMAIN_LABEL})*|\\[[a-fA-F0-9:]+\\])`
const DOMAIN = `${HOST}(?::[0-9]+)?`
// Each separator run is followed by an alphanumeric that no separator can match, so no text backtracks badly.
const PATH_PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const PATH = `${PATH_PART}(?:/${PATH_PART})*`
const TAG = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}'
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}'

const NAME_SYNTAX = new RegExp(`^(${DOMAIN})/(${PATH})$`)
const TAG_SYNTAX = new RegExp(`^${TAG}$`)
const DIGEST_SYNTAX = new RegExp(`^${DIGEST}$`)
const IDENTIFIER = /^[a-f0-9]{64}$/

function refuse(text: string, reason: string): InvalidArgumentError {
  // A name can come out of an archive: it is quoted, so that no control character reaches a terminal raw.
  const shown = text.length > 300 ? `${text.slice(0, 300)}...` : text
  return new InvalidArgumentError(
    'ERR_REFERENCE_SYNTAX',
    `cannot read image name ${JSON.stringify(shown)}: ${reason}`,
    { details: { value: shown } },
  )
}

/**
 * Reads `[domain/]path[:tag][@digest]` and normalises it as docker does.
 *
 * The first component is a domain only if it has a `.` or `:`, is `localhost`, or has an upper-case letter (no path
 * may have one); otherwise the name is docker.io's, under `library/` when it has no slash.
 * @throws InvalidArgumentError ERR_REFERENCE_SYNTAX, worded as docker words it
 */
export function parseReference(text: string): Reference {
  // 64 hex digits are an image ID to every docker command: a name like that could never be spoken of.
  if (IDENTIFIER.test(text)) {
    throw refuse(
      text,
      `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`,
    )
  }
  const { domain, remainder } = splitDomain(text)
  // The first '@' starts the digest and the last ':' after the last '/' the tag; neither may stand in a path.
  const at = remainder.indexOf('@')
  const beforeDigest = at < 0 ? remainder : remainder.slice(0, at)
  const colon = beforeDigest.indexOf(':')
  const path = colon < 0 ? beforeDigest : beforeDigest.slice(0, colon)
  if (path.toLowerCase() !== path) {
    throw refuse(text, `invalid reference format: repository name (${path}) must be lowercase`)
  }
  const tag = colon < 0 ? undefined : beforeDigest.slice(colon + 1)
  const digest = at < 0 ? undefined : remainder.slice(at + 1)
  if (
    !NAME_SYNTAX.test(`${domain}/${path}`) ||
    (tag !== undefined && !TAG_SYNTAX.test(tag)) ||
    (digest !== undefined && !DIGEST_SYNTAX.test(digest))
  ) {
    throw refuse(text, 'invalid reference format')
  }
  if (domain.length + 1 + path.length > NAME_CHARS_MAX) {
    throw refuse(text, `repository name must not be more than ${NAME_CHARS_MAX} characters`)
  }
  if (digest !== undefined && !isDigest(digest)) throw refuse(text, digestReason(digest))
  return {
    domain,
    path,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  }
}

function splitDomain(text: string): { domain: string; remainder: string } {
  const slash = text.indexOf('/')
  const first = slash < 0 ? '' : text.slice(0, slash)
  const hasDomain =
    slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first)
  let domain = hasDomain ? first : DEFAULT_DOMAIN
  const remainder = hasDomain ? text.slice(slash + 1) : text
  if (domain === LEGACY_DOMAIN) domain = DEFAULT_DOMAIN
  const official = domain === DEFAULT_DOMAIN && !remainder.includes('/')
  return { domain, remainder: official ? `${OFFICIAL}/${remainder}` : remainder }
}

/** The full spelling of a name in either spelling, read by no grammar: what docker sorts the names of an image by. */
export function fullSpelling(name: string): string {
  const { domain, remainder } = splitDomain(name)
  return `${domain}/${remainder}`
}

/** What docker says of a digest that fits the grammar and still is none. */
function digestReason(digest: string): string {
  const algorithm = digest.slice(0, digest.indexOf(':'))
  if (algorithm !== 'sha256') return `unsupported digest algorithm ${algorithm}`
  return digest.length === 71
    ? 'invalid checksum digest format: expected lower-case hex digits'
    : 'invalid checksum digest length: sha256 has 64 hex digits'
}

/** `docker.io/library/debian`: the name in full, without tag and digest. */
export function fullName(reference: Reference): string {
  return `${reference.domain}/${reference.path}`
}

/** `docker.io/library/debian:12@sha256:...`, as OCI's `io.containerd.image.name` has it. */
export function fullString(reference: Reference): string {
  return fullName(reference) + suffix(reference)
}

/** What people read, and the key in repositories.json: `debian`, `user/app`, `reg:5000/x/y`. */
export function familiarName({ domain, path }: Reference): string {
  if (domain !== DEFAULT_DOMAIN) return `${domain}/${path}`
  const parts = path.split('/')
  return parts.length === 2 && parts[0] === OFFICIAL ? parts[1]! : path
}

/** The familiar name with tag and digest: `debian:12`. */
export function familiarString(reference: Reference): string {
  return familiarName(reference) + suffix(reference)
}

function suffix({ tag, digest }: Reference): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`)
}

/** A name with neither tag nor digest means `latest`. */
export function withDefaultTag(reference: Reference): Reference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference
  return { ...reference, tag: DEFAULT_TAG }
}

/**
 * Reads a name that is to be given to an image (`tag`, `import`): `latest` when it has no tag.
 * Refused beyond the grammar, as docker's reference store does: a digest, which says what the image is and cannot be
 * chosen; and the repository `sha256`, whose tags would read as image IDs.
 * @throws InvalidArgumentError ERR_REFERENCE_SYNTAX
 */
export function parseTarget(text: string): Reference {
  const reference = withDefaultTag(parseReference(text))
  if (reference.digest !== undefined) {
    throw refuse(text, 'refusing to create a tag with a digest reference')
  }
  if (familiarName(reference) === 'sha256') {
    throw refuse(text, 'refusing to create an ambiguous tag using digest algorithm as name')
  }
  return reference
}
