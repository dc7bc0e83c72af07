// The flags of open(2): as words or as a number, and what a number asks for, which is less plain than its bits (build_open_how
// and build_open_flags of Linux's fs/open.c).

import fs from 'node:fs'
import { E } from '../union/errno.ts'
import { checkInteger } from './argument-checks.ts'
import { wrongValue } from './refusals.ts'

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, O_EXCL, O_SYNC } = fs.constants
const { O_DIRECTORY, O_NOFOLLOW } = fs.constants
const O_ACCMODE = O_WRONLY | O_RDWR
/** Node has no names for them. */
const O_PATH = 0o10000000
const O_NAMELESS = 0o20000000

const WORDS: Readonly<Record<string, number>> = {
  r: O_RDONLY,
  rs: O_RDONLY | O_SYNC,
  sr: O_RDONLY | O_SYNC,
  'r+': O_RDWR,
  'rs+': O_RDWR | O_SYNC,
  'sr+': O_RDWR | O_SYNC,
  w: O_TRUNC | O_CREAT | O_WRONLY,
  wx: O_TRUNC | O_CREAT | O_WRONLY | O_EXCL,
  xw: O_TRUNC | O_CREAT | O_WRONLY | O_EXCL,
  'w+': O_TRUNC | O_CREAT | O_RDWR,
  'wx+': O_TRUNC | O_CREAT | O_RDWR | O_EXCL,
  'xw+': O_TRUNC | O_CREAT | O_RDWR | O_EXCL,
  a: O_APPEND | O_CREAT | O_WRONLY,
  ax: O_APPEND | O_CREAT | O_WRONLY | O_EXCL,
  xa: O_APPEND | O_CREAT | O_WRONLY | O_EXCL,
  as: O_APPEND | O_CREAT | O_WRONLY | O_SYNC,
  sa: O_APPEND | O_CREAT | O_WRONLY | O_SYNC,
  'a+': O_APPEND | O_CREAT | O_RDWR,
  'ax+': O_APPEND | O_CREAT | O_RDWR | O_EXCL,
  'xa+': O_APPEND | O_CREAT | O_RDWR | O_EXCL,
  'as+': O_APPEND | O_CREAT | O_RDWR | O_SYNC,
  'sa+': O_APPEND | O_CREAT | O_RDWR | O_SYNC,
}

/** @throws TypeError ERR_INVALID_ARG_VALUE, RangeError ERR_OUT_OF_RANGE */
export function openFlags(flags: string | number | null | undefined): number {
  if (flags === undefined || flags === null) return O_RDONLY
  if (typeof flags === 'number') {
    checkInteger('flags', flags, -(2 ** 31), 2 ** 31 - 1)
    return flags
  }
  const isWord = typeof flags === 'string' && Object.hasOwn(WORDS, flags)
  if (!isWord) throw wrongValue('flags', flags)
  return WORDS[flags]!
}

export interface OpenRequest {
  /** What the descriptor is good for: with both bits of the access mode set, for neither (OPEN_FMODE). */
  readonly reads: boolean
  readonly writes: boolean
  /** Wants what may be written, whether the descriptor writes or not. */
  readonly changes: boolean
  readonly appends: boolean
  readonly truncates: boolean
  readonly creates: boolean
  readonly isExclusive: boolean
  readonly wantsDirectory: boolean
  readonly follows: boolean
  /** O_PATH: a place in the tree, of which only stat can be had. */
  readonly isPlace: boolean
  /** O_TMPFILE: a new file in that directory, without a name. */
  readonly isNameless: boolean
}

/** @returns -EINVAL for what the kernel refuses before it looks at the path */
export function openRequest(given: number): OpenRequest | number {
  const isPlace = (given & O_PATH) !== 0
  const flags = isPlace ? given & (O_PATH | O_DIRECTORY | O_NOFOLLOW) : given
  const has = (bits: number): boolean => (flags & bits) === bits
  const access = flags & O_ACCMODE
  const isNameless = has(O_NAMELESS)
  // Since Linux 6.4; before, a file was made.
  if (has(O_DIRECTORY | O_CREAT)) return -E.INVAL
  if (isNameless && (!has(O_DIRECTORY) || access === O_RDONLY)) return -E.INVAL
  const isExclusive = has(O_CREAT | O_EXCL)
  return {
    reads: !isPlace && (access === O_RDONLY || access === O_RDWR),
    writes: access === O_WRONLY || access === O_RDWR,
    changes: access !== O_RDONLY || has(O_TRUNC),
    appends: has(O_APPEND),
    truncates: has(O_TRUNC),
    creates: has(O_CREAT),
    isExclusive,
    wantsDirectory: has(O_DIRECTORY),
    follows: !has(O_NOFOLLOW) && !isExclusive,
    isPlace,
    isNameless,
  }
}
