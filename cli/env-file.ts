// `--env-file` and `--label-file`: docker's file of NAME=VALUE lines. Blanks before a line go, those behind it belong to
// the value; `#` begins a line that says nothing; quotes are characters like others.
// Source: docker/cli pkg/kvfile.

import fs from 'node:fs'
import { HostError, InvalidArgumentError, NotFoundError } from './library/documents.ts'

/** The caller's value of a name; undefined where there is none. */
export type Lookup = (name: string) => string | undefined

const BYTE_ORDER_MARK = /^\uFEFF/
/** Go's unicode.IsSpace: a byte order mark is none, which JavaScript takes for a blank. */
const BLANK = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'
const LEADING_BLANKS = new RegExp(`^${BLANK}+`)
const ANY_BLANK = new RegExp(BLANK)

/**
 * @param lookup for lines of a name alone, which are left out where it finds nothing
 * @throws NotFoundError ERR_FILE_NOT_FOUND; HostError; InvalidArgumentError ERR_OPTION in docker's words
 */
export function readKeyValueFile(file: string, option: string, lookup: Lookup): string[] {
  const refuse = (reason: string): InvalidArgumentError =>
    new InvalidArgumentError('ERR_OPTION', `invalid ${option} (${file}): ${reason}`, {
      details: { option, path: file },
    })
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const pairs: string[] = []
  for (const [index, bytes] of lines(readFile(file, option)).entries()) {
    let text: string
    try {
      text = decoder.decode(bytes)
    } catch {
      throw refuse(`invalid utf8 bytes at line ${index + 1}`)
    }
    const marked = index === 0 ? text.replace(BYTE_ORDER_MARK, '') : text
    const line = marked.replace(LEADING_BLANKS, '')
    if (line === '' || line.startsWith('#')) continue
    const equals = line.indexOf('=')
    const name = equals < 0 ? line : line.slice(0, equals)
    if (name === '') throw refuse(`no variable name on line '${line}'`)
    if (ANY_BLANK.test(name)) throw refuse(`variable '${name}' contains whitespaces`)
    if (equals >= 0) pairs.push(line)
    else {
      const value = lookup(name)
      if (value !== undefined) pairs.push(`${name}=${value}`)
    }
  }
  return pairs
}

/** Ended by \n or \r\n. */
function lines(bytes: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const newline = bytes.indexOf(0x0a, at)
    const end = newline < 0 ? bytes.length : newline
    found.push(bytes.subarray(at, end > at && bytes[end - 1] === 0x0d ? end - 1 : end))
    at = end + 1
  }
  return found
}

function readFile(file: string, option: string): Buffer {
  try {
    return fs.readFileSync(file)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const details = { option, path: file }
    const what = (reason: string): string => `cannot read the ${option} ${file}: ${reason}`
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new NotFoundError('ERR_FILE_NOT_FOUND', what('no such file or directory'), { details })
    const reason = code === 'EISDIR' ? 'it is a directory' : message
    const kind = code === 'EACCES' || code === 'EPERM' ? 'ERR_PERMISSION' : 'ERR_HOST'
    throw new HostError(kind, what(reason), { details, cause: error })
  }
}
