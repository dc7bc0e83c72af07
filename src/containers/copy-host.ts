// The other end of a copy, on the host: the source as a stack of one directory, the destination as docker's client
// takes it. Here links are followed as the user's own shell would; refusals have docker's words.

import fs from 'node:fs'
import path from 'node:path'
import { InvalidArgumentError, NotFoundError } from '../errors.ts'
import { pathFromText, type BytePath } from '../path/byte-path.ts'
import { fromNodeError } from '../sys/errno.ts'
import type { MergedNode } from '../union/merge.ts'
import { LayerStack } from '../view/stack.ts'
import {
  absolutePath,
  assertsDirectory,
  notADirectory,
  splitEntry,
  type CopyDestination,
} from './copy-rules.ts'

/** As many as moby's CopyInfoDestinationPath follows. */
const LINKS_MAX = 10

export interface HostSource extends Disposable {
  readonly stack: LayerStack
  readonly node: MergedNode
  /** What the copy is called. */
  readonly name: BytePath
}

/**
 * @param followLink a link at the end means what it leads to; under the link's name
 * @throws NotFoundError ERR_FILE_NOT_FOUND; InvalidArgumentError; HostError
 */
export function openHostSource(text: string, followLink: boolean): HostSource {
  const asked = absolutePath(pathFromText(text), bytesOf(process.cwd()))
  const shown = textOf(asked)
  const whole = assertsDirectory(asked)
  const real = realOf(whole || followLink ? asked : splitEntry(asked).directory, shown)
  const place = whole || followLink ? real : joined(real, splitEntry(asked).base)
  const status = lstat(place, shown)
  if (whole && !status.isDirectory()) throw notADirectory(shown)
  const name = splitEntry(asked).base
  // A directory is the root of its stack: nothing beside it can be read through it.
  const root = status.isDirectory() ? place : splitEntry(place).directory
  const stack = new LayerStack([textOf(root)])
  const inside = (status.isDirectory() ? '' : splitEntry(place).base) as BytePath
  const node = stack.view.lookup(inside)
  if (node === undefined) {
    stack.close()
    throw missing(shown)
  }
  return {
    stack,
    node,
    name: (name === '/' ? '' : name) as BytePath,
    [Symbol.dispose]: () => stack.close(),
  }
}

/** moby CopyInfoDestinationPath, and the client's look at it before. @throws as openHostSource */
export function hostDestination(text: string): CopyDestination {
  let at = absolutePath(pathFromText(text), bytesOf(process.cwd()))
  refuseOutput(at)
  for (let links = 0; ; links++) {
    const status = lstat(at, textOf(at), true)
    if (status === undefined) {
      const { directory } = splitEntry(at)
      const parent = stat(directory)
      if (parent === undefined) throw missing(textOf(directory), 'stat')
      if (!parent.isDirectory()) throw notADirectory(textOf(directory))
      return { path: at, exists: false, isDirectory: false }
    }
    if (!status.isSymbolicLink()) {
      return { path: at, exists: true, isDirectory: status.isDirectory() }
    }
    if (links > LINKS_MAX) {
      throw new InvalidArgumentError('ERR_OPTION', `too many symlinks in ${text}`, {
        details: { path: text },
      })
    }
    const target = fs.readlinkSync(Buffer.from(at, 'latin1'), 'latin1')
    at = path.resolve(splitEntry(at).directory, target) as BytePath
  }
}

/** docker's client, ValidateOutputPath. */
function refuseOutput(at: BytePath): void {
  const parent = path.dirname(path.normalize(at).replace(/(.)\/$/, '$1')) as BytePath
  if (stat(parent) === undefined) {
    throw new NotFoundError(
      'ERR_FILE_NOT_FOUND',
      `invalid output path: directory ${JSON.stringify(textOf(parent))} does not exist`,
      { details: { path: textOf(parent) } },
    )
  }
  const status = stat(at)
  if (status === undefined || status.isDirectory() || status.isFile()) return
  const kind =
    status.isBlockDevice() || status.isCharacterDevice() ? 'a device' : 'an irregular file'
  throw new InvalidArgumentError(
    'ERR_OPTION',
    `invalid output path: ${JSON.stringify(textOf(at))} must be a directory or a regular file: got ${kind}`,
    { details: { path: textOf(at) } },
  )
}

function stat(at: BytePath): fs.Stats | undefined {
  return look(() => fs.statSync(Buffer.from(at, 'latin1')), textOf(at), 'stat', true)
}

function lstat(at: BytePath, shown: string): fs.Stats
function lstat(at: BytePath, shown: string, mayMiss: true): fs.Stats | undefined
function lstat(at: BytePath, shown: string, mayMiss = false): fs.Stats | undefined {
  return look(() => fs.lstatSync(Buffer.from(at, 'latin1')), shown, 'lstat', mayMiss)
}

function realOf(at: BytePath, shown: string): BytePath {
  const real = look(
    () => fs.realpathSync.native(Buffer.from(at, 'latin1'), 'buffer'),
    shown,
    'lstat',
    false,
  )
  return real!.toString('latin1') as BytePath
}

function look<T>(ask: () => T, shown: string, call: string, mayMiss: boolean): T | undefined {
  try {
    return ask()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') {
      if (mayMiss) return undefined
      throw missing(shown, call)
    }
    if (code === 'ENOTDIR') throw notADirectory(shown)
    throw fromNodeError(`copy ${shown}`, error)
  }
}

function missing(shown: string, call = 'lstat'): NotFoundError {
  return new NotFoundError('ERR_FILE_NOT_FOUND', `${call} ${shown}: no such file or directory`, {
    details: { path: shown },
  })
}

function joined(directory: BytePath, base: BytePath): BytePath {
  return (directory === '/' ? `/${base}` : `${directory}/${base}`) as BytePath
}

function bytesOf(text: string): string {
  return pathFromText(text)
}

function textOf(at: BytePath): string {
  return Buffer.from(at, 'latin1').toString('utf8')
}
