// OCI runtimes of this host, as root and as an ordinary user: crun, and runc beside it.
// Knows how to start one where it can be started at all; a bundle's content is the test's.

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { listMounts } from '../../src/sys/mount-table.ts'
import { findProgram, isRoot } from './host.ts'

export interface RuntimeOutput {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RuntimeUser {
  readonly uid: number
  readonly gid: number
}

/** crun knows cgroups of version 1 and of version 2, and refuses hosts that have both: there it is shown the first. */
const isHybrid = listMounts().some(({ target }) => target === '/sys/fs/cgroup/unified')

/** Why a runtime cannot be tried; false where it can. */
export function runtimeSkip(name: string): string | false {
  if (findProgram(name) === undefined) return `needs ${name} installed`
  return isHybrid && !isRoot && `needs root to show ${name} one version of cgroups`
}

/** `RUNTIME run` of a bundle to its end. @param state a directory that the user may write to */
export function runBundle(
  name: string,
  bundle: string,
  state: string,
  user?: RuntimeUser,
): RuntimeOutput {
  const container = `shale-${randomBytes(6).toString('hex')}`
  const runtime = [findProgram(name)!, '--root', path.join(state, name), 'run', '-b', bundle]
  const as = user
    ? ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--']
    : []
  const command = [...as, ...runtime, container]
  const [program, ...args] =
    isHybrid && isRoot
      ? ['unshare', '-m', 'sh', '-c', 'umount /sys/fs/cgroup/unified; exec "$@"', 'sh', ...command]
      : command
  const done = spawnSync(program!, args, {
    env: { PATH: process.env['PATH'], XDG_RUNTIME_DIR: state },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  })
  return { code: done.status, stdout: String(done.stdout), stderr: String(done.stderr) }
}

/** A PATH on which `crun` works on this host. @param directory gets a wrapper where one is needed */
export function crunOnPath(directory: string): string {
  const given = process.env['PATH'] ?? ''
  if (!isHybrid) return given
  const bin = path.join(directory, 'bin')
  fs.mkdirSync(bin)
  const inner = `umount /sys/fs/cgroup/unified; exec ${findProgram('crun')!} "$@"`
  const script = `#!/bin/sh\nexec unshare -m sh -c '${inner}' sh "$@"\n`
  fs.writeFileSync(path.join(bin, 'crun'), script, { mode: 0o755 })
  return `${bin}:${given}`
}
