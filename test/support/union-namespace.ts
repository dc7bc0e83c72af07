// Sequences of operations beside a kernel's overlay that an ordinary user may mount: in a user namespace of its own.
// Run as a program it is the inside of one; imported, it starts one.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { probeOverlay } from '../../src/sys/probe.ts'
import { fuseRefusal } from './fuse-here.ts'
import { findProgram, isRoot } from './host.ts'
import { apart } from './mount-namespace.ts'
import { compareIn, keptSequences, runSequences } from './union-sequences.ts'

const SKIPPED = 77
/** In memory no form matters. */
const SIDES = [
  ['directory', 'user'],
  ['directory', 'plain'],
  ['memory', 'user'],
  ['fuse', 'user'],
  ['fuse', 'plain'],
] as const

/** A server is started for each batch. */
const FUSE_BATCH = 25

export interface NamespaceResult {
  /** Why there is no user namespace, or no overlay in it. */
  readonly skip?: string
  /** null for a signal. */
  readonly code: number | null
  readonly output: string
}

export function runInNamespace(runs: number): NamespaceResult {
  const unshare = findProgram('unshare')
  if (unshare === undefined) return { skip: 'no unshare here', code: null, output: '' }
  const tried = spawnSync(unshare, ['-Urm', 'true'], { encoding: 'utf8' })
  if (tried.status !== 0) {
    return { skip: `no user namespaces here: ${tried.stderr.trim()}`, code: null, output: '' }
  }
  const { NODE_OPTIONS: _, ...env } = process.env
  const self = fileURLToPath(import.meta.url)
  const command = [unshare, '-Urm', process.execPath, self, String(runs)]
  const [program, ...args] = isRoot ? apart(command) : command
  const { status, stdout, stderr } = spawnSync(program!, args, { encoding: 'utf8', env })
  const output = stdout + stderr
  return status === SKIPPED
    ? { skip: `no overlay in a user namespace: ${output.trim()}`, code: status, output }
    : { code: status, output }
}

async function inside(runs: number): Promise<void> {
  const home = memoryOrDisk()
  try {
    const { available, reason } = await probeOverlay(home, { userxattr: true })
    if (!available) {
      console.log(reason)
      process.exitCode = SKIPPED
      return
    }
    const noFuse = fuseRefusal()
    if (noFuse !== undefined) console.log(`without FUSE: ${noFuse}`)
    for (const [side, form] of SIDES) {
      if (side === 'fuse' && noFuse !== undefined) continue
      const how = { side, form }
      const batch = side === 'fuse' ? FUSE_BATCH : 1
      const share = Math.ceil(runs / SIDES.length / batch)
      const kept = keptSequences().map(({ sequence }) => sequence)
      if (batch > 1) await compareIn(home, kept, how)
      else for (const sequence of kept) await compareIn(home, [sequence], how)
      await runSequences({ parent: home, runs: share, batch, ...how })
    }
  } finally {
    fs.rmSync(home, { recursive: true, force: true })
  }
}

/** tmpfs has user.* attributes since Linux 6.6 only; there the kernel's answer decides. */
function memoryOrDisk(): string {
  const [major = 0, minor = 0] = os.release().split('.').map(Number)
  const memory = (major > 6 || (major === 6 && minor >= 6)) && fs.existsSync('/dev/shm')
  const name = 'shale-test-'
  try {
    if (memory) return fs.mkdtempSync(path.join('/dev/shm', name))
  } catch {
    // Not writable: the temporary directory will do.
  }
  return fs.mkdtempSync(path.join(os.tmpdir(), name))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await inside(Number(process.argv[2] ?? 100))
