// Where measured programs write: a directory on the file system that was asked for, fresh for every run, and gone with
// whatever was mounted below it. Knows disks and caches; not what is put there.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { listMounts } from '../src/sys/mount-table.ts'
import { onEnd } from './cleanup.ts'
import { isRoot, runProgram } from './programs.ts'

export interface Place {
  /** As the kernel names it: tmpfs, ext4. */
  readonly fileSystem: string
  readonly dir: string
  /** A new, empty directory. */
  fresh(name: string): string
}

/**
 * A directory of this run's own on such a file system.
 * @param dirs looked at first: where the user says that his disks are
 * @throws Error that says where it looked
 */
export async function openPlace(fileSystem: string, dirs: readonly string[]): Promise<Place> {
  const candidates = [...dirs, os.tmpdir(), '/var/tmp', '/dev/shm', process.cwd(), os.homedir()]
  let base = candidates.find((dir) => isWritable(dir) && fileSystemOf(dir) === fileSystem)
  if (base === undefined && fileSystem === 'tmpfs' && isRoot) base = await mountTmpfs()
  if (base === undefined) {
    throw new Error(
      `cannot measure on ${fileSystem}: none of ${candidates.join(', ')} lies on one; name a directory with --dir`,
    )
  }
  const dir = fs.mkdtempSync(path.join(fs.realpathSync(base), 'shale-bench-'))
  onEnd(dir, () => removeTree(dir))
  let count = 0
  return {
    fileSystem,
    dir,
    fresh(name: string): string {
      const made = path.join(dir, `${name}-${++count}`)
      fs.mkdirSync(made)
      return made
    },
  }
}

async function mountTmpfs(): Promise<string> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-bench-tmpfs-'))
  await runProgram('mount', ['-t', 'tmpfs', '-o', 'size=90%', 'shale-bench', dir])
  onEnd(dir, async () => {
    await runProgram('umount', ['-l', dir], { undoes: true })
    fs.rmdirSync(dir)
  })
  return dir
}

function isWritable(dir: string): boolean {
  try {
    fs.accessSync(dir, fs.constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Type of the file system that a path lies on. */
export function fileSystemOf(file: string): string {
  const real = fs.realpathSync(file)
  let best = { length: -1, type: 'unknown' }
  for (const { target, type } of listMounts()) {
    const holds = target === '/' || real === target || real.startsWith(`${target}/`)
    // Of mounts on one place the last hides the others.
    if (holds && target.length >= best.length) best = { length: target.length, type }
  }
  return best.type
}

/** Removes a directory, whatever is mounted in it first. */
export async function removeTree(dir: string): Promise<void> {
  await unmountBelow(dir)
  // rm knows no recursion limit and no paths of 4096 bytes at most, and it is no part of any measurement.
  await runProgram('rm', ['-rf', '--', dir], { undoes: true })
}

/** Engines bind their roots to themselves, and may leave mounts of their own. */
export async function unmountBelow(dir: string): Promise<void> {
  const targets = listMounts()
    .map(({ target }) => target)
    .filter((target) => target === dir || target.startsWith(`${dir}/`))
  for (const target of targets.reverse())
    await runProgram('umount', ['-l', target], { undoes: true })
}

export const canDropCaches: boolean = isRoot && fs.existsSync('/proc/sys/vm/drop_caches')

/** Everything that is not dirty leaves memory; what is dirty is written first. */
export async function dropCaches(): Promise<void> {
  await runProgram('sync', [])
  fs.writeFileSync('/proc/sys/vm/drop_caches', '3')
}

/** The last run's writes must not be paid for by the next one. */
export async function settle(place: Place | undefined): Promise<void> {
  if (place !== undefined && place.fileSystem !== 'tmpfs')
    await runProgram('sync', ['-f', place.dir])
}
