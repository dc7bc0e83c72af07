// Where a copy lands and under which name: docker cp's rules for trailing slashes, `/.`, and destinations that are
// there or not. Source: moby pkg/archive/copy.go, PrepareArchiveCopy; words of refusal are docker's.
// Pure: paths are bytes, and what is at them the caller says.

import path from 'node:path/posix'
import { ConflictError, InvalidArgumentError, NotFoundError } from '../errors.ts'
import { pathText, type BytePath } from '../path/byte-path.ts'

/** `CONTAINER:PATH` or a path of the host; `-` is standard input or output. */
export type CopyArgument =
  | { readonly kind: 'host'; readonly path: string }
  | { readonly kind: 'stream' }
  | { readonly kind: 'inside'; readonly text: string }

/** docker's splitCpArg: absolute paths and those that begin with a dot are the host's, whatever colons they hold. */
export function parseCopyArgument(text: string): CopyArgument {
  if (text === '-') return { kind: 'stream' }
  const colon = text.indexOf(':')
  if (text.startsWith('/') || text.startsWith('.') || colon < 0) return { kind: 'host', path: text }
  return { kind: 'inside', text }
}

/** Clean and absolute; a trailing slash or `/.` of the original is kept, since it says "a directory". */
export function absolutePath(text: BytePath, base = '/'): BytePath {
  const clean = path.resolve(base, text)
  let kept = clean
  if (isCurrent(text) && !isCurrent(clean)) kept = `${clean === '/' ? '' : clean}/.`
  if (text.endsWith('/') && !kept.endsWith('/')) kept += '/'
  return kept as BytePath
}

function isCurrent(text: string): boolean {
  return path.basename(text) === '.'
}

/** Ends in a slash or `/.`: whoever wrote it means a directory. */
export function assertsDirectory(text: BytePath): boolean {
  return text.endsWith('/') || isCurrent(text)
}

/** Directory and name, the name `.` kept: `/a/b/.` is `/a/b` and `.`. */
export function splitEntry(text: BytePath): { directory: BytePath; base: BytePath } {
  const clean = path.normalize(text).replace(/(.)\/+$/, '$1')
  const whole = isCurrent(text) && !isCurrent(clean) ? `${clean === '/' ? '' : clean}/.` : clean
  const directory = whole.endsWith('/.') ? whole.slice(0, -2) || '/' : path.dirname(whole)
  return { directory: directory as BytePath, base: path.basename(whole) as BytePath }
}

export interface CopySource {
  readonly isDirectory: boolean
  /** What the source is called: the last component as it was asked for; `.` or '' where its content alone is meant. */
  readonly name: BytePath
}

export interface CopyDestination {
  /** Absolute, as `absolutePath` gives it. */
  readonly path: BytePath
  readonly exists: boolean
  readonly isDirectory: boolean
}

export interface Landing {
  /** In which existing directory. */
  readonly directory: BytePath
  /** As what; '' when a directory's content is merged into `directory`. */
  readonly name: BytePath
}

/** @throws ConflictError ERR_DESTINATION_EXISTS, NotFoundError ERR_FILE_NOT_FOUND */
export function landingOf(source: CopySource, destination: CopyDestination): Landing {
  if (destination.exists && destination.isDirectory) {
    const name = source.name === '.' ? ('' as BytePath) : source.name
    return { directory: path.resolve('/', destination.path) as BytePath, name }
  }
  const shown = pathText(destination.path)
  if (destination.exists && source.isDirectory) {
    throw new ConflictError(
      'ERR_DESTINATION_EXISTS',
      `cannot copy directory: ${shown} is there and is no directory`,
      { details: { path: shown } },
    )
  }
  if (!destination.exists && !source.isDirectory && assertsDirectory(destination.path)) {
    throw new NotFoundError('ERR_FILE_NOT_FOUND', `no such directory: ${shown}`, {
      details: { path: shown },
    })
  }
  const { directory, base } = splitEntry(destination.path)
  return { directory, name: base === '.' ? ('' as BytePath) : base }
}

/** What is there and what is to come are not of one kind: docker never puts one in the other's place. */
export function refuseReplacement(
  place: { readonly path: BytePath; readonly directory: BytePath },
  isDirectoryThere: boolean,
): ConflictError {
  const [at, into] = [place.path, place.directory].map((each) => JSON.stringify(pathText(each)))
  const message = isDirectoryThere
    ? `cannot overwrite directory ${at} with non-directory ${into}`
    : `cannot overwrite non-directory ${at} with directory ${into}`
  return new ConflictError('ERR_DESTINATION_EXISTS', message, {
    details: { path: pathText(place.path) },
  })
}

export function noSuchPath(kind: 'container' | 'image', name: string, at: string): NotFoundError {
  return new NotFoundError('ERR_PATH_NOT_FOUND', `No such ${kind}:path: ${name}:${at}`, {
    details: { name, path: at },
  })
}

export function notADirectory(at: string): InvalidArgumentError {
  return new InvalidArgumentError('ERR_OPTION', `lstat ${at}: not a directory`, {
    details: { path: at },
  })
}
