// Who may write: one shale process at a time, and none while a dockerd has the root open.
// The lock is flock(2): it dies with its process, so a crash never leaves a stale one.

import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeDirectory } from '../driver/make-directory.ts'
import { LockedError } from '../errors.ts'
import { acquireLock, probeLock, type Lock } from '../sys/lock.ts'
import type { Layout } from './layout.ts'
import { deniedOrElse } from './of-another-user.ts'

const POLL_MS = 25

/** @throws LockedError ERR_STORE_LOCKED once `timeoutMs` is over; HostError where the root cannot be made or written */
export async function lockForWriting(
  layout: Layout,
  options: { timeoutMs: number; signal?: AbortSignal },
): Promise<Lock> {
  try {
    fs.mkdirSync(layout.root, { recursive: true, mode: 0o710 })
    makeDirectory(layout.state, 0o700)
  } catch (error) {
    throw deniedOrElse(`write to ${layout.root}`, layout.root, error)
  }
  const deadline = Date.now() + options.timeoutMs
  for (;;) {
    options.signal?.throwIfAborted()
    const lock = lockOf(layout)
    if (lock) return lock
    if (Date.now() >= deadline) {
      const pid = Number(fs.readFileSync(layout.lock, 'latin1').trim()) || undefined
      throw new LockedError(
        'ERR_STORE_LOCKED',
        `cannot write to ${layout.root}: ${pid ? `process ${pid} is writing to it` : 'another process is writing to it'}; try again when it is done`,
        { details: { path: layout.root, pid } },
      )
    }
    await sleep(POLL_MS, undefined, options.signal ? { signal: options.signal } : {})
  }
}

function lockOf(layout: Layout): Lock | undefined {
  try {
    return acquireLock(layout.lock)
  } catch (error) {
    throw deniedOrElse(`write to ${layout.root}`, layout.root, error)
  }
}

/**
 * dockerd has no lock on its image store, but its bolt databases beside it are held with flock for as long as it runs.
 * It keeps all state in memory, so anything written under it would be lost or contradicted.
 * @throws LockedError ERR_DOCKERD_RUNNING
 */
export function refuseRunningDockerd(layout: Layout): void {
  for (const file of boltFiles(layout.root)) {
    const held = probeLock(file)
    if (!held) continue
    throw new LockedError(
      'ERR_DOCKERD_RUNNING',
      `cannot write to ${layout.root}: a running dockerd${held.pid ? ` (process ${held.pid})` : ''} has it open; stop it first, reading is possible meanwhile`,
      { details: { path: layout.root, pid: held.pid, file } },
    )
  }
}

function boltFiles(root: string): string[] {
  return [
    'volumes/metadata.db',
    'network/files/local-kv.db',
    'buildkit/cache.db',
    'buildkit/metadata_v2.db',
    'buildkit/history.db',
    'buildkit/snapshots.db',
    'buildkit/containerdmeta.db',
  ]
    .map((name) => path.join(root, name))
    .filter((file) => fs.existsSync(file))
}
