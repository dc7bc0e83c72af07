// Small files of a store, read whole; absence is an answer, not an exception to catch.

import fs from 'node:fs'
import { fromNodeError } from '../sys/errno.ts'
import { deniedOrElse } from './of-another-user.ts'

/** Most files of a store fit: one read then, and no look at the size first. */
const piece = Buffer.allocUnsafeSlow(64 << 10)

/** @throws HostError */
export function readIfPresent(file: string): Buffer | undefined {
  let fd: number
  try {
    fd = fs.openSync(file, 'r')
  } catch (error) {
    return absentOr(file, error)
  }
  try {
    const length = fs.readSync(fd, piece)
    const start = Buffer.from(piece.subarray(0, length))
    return length < piece.length ? start : Buffer.concat([start, fs.readFileSync(fd)])
  } catch (error) {
    throw fromNodeError(`read ${file}`, error)
  } finally {
    fs.closeSync(fd)
  }
}

/** @throws HostError */
export function namesIfPresent(dir: string): string[] {
  try {
    return fs.readdirSync(dir)
  } catch (error) {
    return absentOr(dir, error) ?? []
  }
}

function absentOr(place: string, error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
  throw deniedOrElse(`read ${place}`, place, error)
}
