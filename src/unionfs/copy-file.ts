// copyFile of node:fs, as libuv has it: what is wrong with source and target is told in one call's name, and a file that is
// copied onto itself is left alone. Unlike there, a target that was there before outlives a copy that is refused.

import fs from 'node:fs'
import { E } from '../union/errno.ts'
import { smallMode } from './argument-checks.ts'
import type { UnionCalls } from './calls.ts'
import type { OpenHandle } from './handle.ts'
import { nodeError, type NodeErrorPlace } from './node-error.ts'
import { shownPath, type PathArgument } from './path-argument.ts'
import type { UnionStats } from './stats.ts'

const { COPYFILE_EXCL, COPYFILE_FICLONE_FORCE } = fs.constants
const { O_CREAT, O_EXCL, O_RDONLY, O_TRUNC, O_WRONLY } = fs.constants
const CHUNK_BYTES = 1 << 20

/** @param flags COPYFILE_EXCL; COPYFILE_FICLONE is a wish, COPYFILE_FICLONE_FORCE an order: nothing is cloned here */
export function copyFile(
  calls: UnionCalls,
  from: PathArgument,
  to: PathArgument,
  flags?: number | null,
): void {
  const path = shownPath(from, 'src')
  const place = { syscall: 'copyfile', path, dest: shownPath(to, 'dest') }
  const mode = smallMode(flags)
  try {
    const source = calls.open(from, O_RDONLY)
    try {
      copyOpenFile(calls, source, to, mode, place)
    } finally {
      source.close()
    }
  } catch (error) {
    const { errno, syscall } = error as NodeJS.ErrnoException
    if (typeof errno !== 'number' || syscall === 'copyfile') throw error
    throw nodeError(errno, place)
  }
}

function copyOpenFile(
  calls: UnionCalls,
  source: OpenHandle,
  to: PathArgument,
  mode: number,
  place: NodeErrorPlace,
): void {
  const stats = source.stat() as UnionStats
  const exclusive = (mode & COPYFILE_EXCL) !== 0 ? O_EXCL : 0
  const found = calls.find(to, true)
  const isDirectory = stats.isDirectory()
  const permissions = stats.mode & 0o7777
  if (found?.node === source.node && !isDirectory && !exclusive) return
  if (isDirectory || (mode & COPYFILE_FICLONE_FORCE) !== 0) {
    // What is wrong with the target is said first, and nothing is left in its place.
    const refused = isDirectory ? E.ISDIR : E.OPNOTSUPP
    if (found === undefined) {
      calls.open(to, O_WRONLY | O_CREAT, permissions).close()
      calls.unlink(to)
    } else calls.open(to, O_WRONLY | O_CREAT | exclusive).close()
    throw nodeError(refused, place)
  }
  const target = calls.open(to, O_WRONLY | O_CREAT | O_TRUNC | exclusive, permissions)
  try {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, stats.size)))
    for (let n = source.read(chunk); n > 0; n = source.read(chunk)) {
      target.write(chunk.subarray(0, n))
    }
    target.setAttributes('fchmod', { mode: permissions })
  } finally {
    target.close()
  }
}
