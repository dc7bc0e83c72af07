// FUSE for an ordinary user, where the host keeps /dev/fuse for root: the tests of a file once more as that user, in a
// mount namespace in which a device node of the same numbers that all may open covers it. Kernel, fusermount3 and user
// are real; the host's own node keeps its mode, and nobody else sees any of it.
// Knows what that needs and says by name what is missing; knows nothing of shale but how it asks for FUSE.

import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { fuseUnavailable } from '../../src/sys/fuse-device.ts'
import { cleanEnvironment, withoutLoader } from './cli.ts'
import { fuseRefusal } from './fuse-here.ts'
import { findProgram, has, isRoot } from './host.ts'
import { apart } from './mount-namespace.ts'

/** Set where the tests run as the user: there FUSE is to be had, and a test that does without it proves nothing. */
const MARK = 'SHALE_TEST_FUSE_USER'

/** Nobody's number would be in the way: it is what stands for owners that have none. */
export const FUSE_USER: { readonly uid: number; readonly gid: number } = {
  uid: 23_456,
  gid: 23_456,
}
/** fusermount3 serves accounts that have a name. */
export const FUSE_USER_NAME = 'shale-test'

/** Whether this process is one that `againAsUser` started. */
export const isFuseUser: boolean = process.env[MARK] !== undefined

let tried: { readonly reason: string | undefined } | undefined

/**
 * For tap's `skip`: why this process cannot mount by FUSE.
 * @throws Error as the user for whom it was made possible
 */
export function fuseSkip(): string | false {
  tried ??= { reason: fuseRefusal() }
  const { reason } = tried
  if (reason !== undefined && isFuseUser) throw new Error(`FUSE was made ready, and ${reason}`)
  return reason ?? false
}

export interface UserFuseOptions {
  /** Directories as the user is to see them, and those that are put there. */
  readonly directories?: Readonly<Record<string, string>>
  /** In the name of the test, where a file has several. */
  readonly name?: string
  /** Files of /etc as the user is to see them, with their content; each must exist on this host. */
  readonly etc?: Readonly<Record<string, string>>
}

/**
 * Where the node is made: on a file system of the namespace's own. crun knows one version of cgroups at a time, and
 * refuses hosts that have both, so the second is taken away.
 */
const SCRIPT = `set -e
umask 022
place=$1 device=$2 count=$3 directories=$4
shift 4
mount -t tmpfs -o mode=755 fuse-for-users "$place"
mknod -m 666 "$place/fuse" c "\${device%:*}" "\${device#*:}"
mount --bind "$place/fuse" /dev/fuse
while [ "$count" -gt 0 ]; do
  printf %s "$2" >"$place/etc-$count"
  mount --bind "$place/etc-$count" "$1"
  shift 2
  count=$((count - 1))
done
while [ "$directories" -gt 0 ]; do
  mount --bind "$2" "$1"
  shift 2
  directories=$((directories - 1))
done
if [ -d /sys/fs/cgroup/unified ]; then umount /sys/fs/cgroup/unified 2>/dev/null || true; fi
exec "$@"`

function accounts(): Record<string, string> {
  const { uid, gid } = FUSE_USER
  const withLine = (file: string, line: string): [string, string] => [
    file,
    `${fs.readFileSync(file, 'utf8')}${FUSE_USER_NAME}:x:${line}\n`,
  ]
  return Object.fromEntries([
    withLine('/etc/passwd', `${uid}:${gid}::/nonexistent:/bin/sh`),
    withLine('/etc/group', `${gid}:`),
  ])
}

/** @param place an empty directory of root's, covered meanwhile. @returns the whole command line, for root */
export function inNamespace(
  place: string,
  command: readonly string[],
  { etc = {}, directories = {} }: UserFuseOptions = {},
): [string, string[]] {
  const { rdev } = fs.statSync('/dev/fuse')
  const device = `${(rdev >>> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >>> 12) & 0xfff00)}`
  const files = Object.entries({ ...accounts(), ...etc })
  const covered = Object.entries(directories)
  const counts = [files.length, covered.length].map(String)
  const { uid, gid } = FUSE_USER
  const own = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--', ...command]
  const given = [place, device, ...counts, ...files.flat(), ...covered.flat()]
  return withoutLoader(apart(['sh', '-c', SCRIPT, 'sh', ...given, ...own]))
}

/** Run as the user: the first thing that it may not do. */
const PROBE = `test -x "$1" || { echo "an ordinary user may not run $1"; exit 1; }
test -r "$2" || { echo "an ordinary user may not read $2"; exit 1; }
! grep -q '^NoNewPrivs:.*1' /proc/self/status || { echo "this process's children gain no rights by setuid"; exit 1; }
(exec 3<>/dev/fuse) 2>/dev/null || { echo "a device node for FUSE cannot be opened here"; exit 1; }`

/** A directory that the user owns and can reach, though the tests' own may be under one that is closed to it. */
function makeHome(): string | undefined {
  for (const parent of new Set([os.tmpdir(), '/var/tmp', '/tmp'])) {
    let home: string
    try {
      home = fs.mkdtempSync(path.join(parent, 'shale-test-user-'))
    } catch {
      continue
    }
    fs.chownSync(home, FUSE_USER.uid, FUSE_USER.gid)
    if (spawnSync('sh', ['-c', 'test -w "$0"', home], FUSE_USER).status === 0) return home
    fs.rmdirSync(home)
  }
  return undefined
}

function lacking({ etc = {} }: UserFuseOptions): string | undefined {
  const unavailable = fuseUnavailable(false)
  if (unavailable !== undefined) return unavailable
  const helper = fs.statSync(findProgram('fusermount3')!)
  if (helper.uid !== 0 || (helper.mode & 0o4000) === 0) return 'fusermount3 is not setuid root'
  const programs = ['unshare', 'setpriv', 'mknod', 'mount'].filter((name) => !has(name))
  if (programs.length > 0) return `needs ${programs.join(', ')} installed`
  const missing = ['/etc/passwd', '/etc/group', ...Object.keys(etc)].filter(
    (name) => !fs.existsSync(name),
  )
  return missing.length > 0 ? `there is no ${missing.join(', ')} to cover` : undefined
}

export interface Ready {
  /** The user's own, until the tests of this file end. */
  readonly home: string
  /** Root's, for the namespace. */
  readonly place: string
}

/** As root. @param file what the user is to run. @returns why it cannot be had here */
export function makeReady(file: string, options: UserFuseOptions = {}): Ready | string {
  const reason = lacking(options)
  if (reason !== undefined) return reason
  const home = makeHome()
  if (home === undefined) return 'an ordinary user may write to no directory for temporary files'
  t.teardown(() => fs.rmSync(home, { recursive: true, force: true }))
  const place = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-test-device-'))
  t.teardown(() => fs.rmSync(place, { recursive: true, force: true }))
  const probe = ['sh', '-c', PROBE, 'sh', process.execPath, file]
  const tried = spawnSync(...inNamespace(place, probe, options), { encoding: 'utf8' })
  if (tried.status === 0) return { home, place }
  return tried.stdout.trim() || `no device node for FUSE can be made here: ${tried.stderr.trim()}`
}

/** How it ended, and the innermost of what failed in it. */
function endOf({ status, signal, stdout, stderr }: SpawnSyncReturns<string>): string {
  if (status === 0) return 'all passed'
  const blocks = stdout.match(/^ *not ok [^]*?(?=^ *(?:not )?ok |(?![^]))/gm) ?? []
  const first = blocks[0] ?? `no test failed; ${stderr.trim().slice(-500) || stdout.slice(-500)}`
  return `ended with ${signal ?? status}: ${first.replaceAll(/\s+/g, ' ').slice(0, 1500)}`
}

/**
 * The tests of a file once more, as FUSE_USER; where this process is not root it is an ordinary user already. Last in
 * the file. A run in which FUSE is skipped all the same fails, and so does one in which nothing was tested.
 */
export function againAsUser(module: string, options: UserFuseOptions = {}): void {
  if (!isRoot) return
  const file = fileURLToPath(module)
  // One Node is enough to see what a user may do.
  const isWanted = process.env['SHALE_NOT_AS_USER'] === undefined
  const ready = isWanted ? makeReady(file, options) : 'SHALE_NOT_AS_USER is set'
  const skip = typeof ready === 'string' && ready
  const { name = 'by fusermount3' } = options
  t.test(`all of it as an ordinary user, ${name}`, { skip }, (t) => {
    const { home, place } = ready as Ready
    const kept = Object.entries(process.env).filter(([name]) => /^SHALE_(?!ROOT$)/.test(name))
    const own = { [MARK]: '1', HOME: home, TMPDIR: home, TAP: '1', TAP_TIMEOUT: '600' }
    const env = { ...Object.fromEntries(kept), ...own }
    const done = spawnSync(...inNamespace(place, [process.execPath, file], options), {
      cwd: home,
      env: cleanEnvironment(env),
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    })
    if (done.status !== 0) t.comment(`${done.stdout.slice(-8000)}${done.stderr.slice(-4000)}`)
    // In the name, which is what is left of a failure where a log is cut short.
    t.equal(done.status, 0, endOf(done))
    const lines = done.stdout.split('\n').filter((line) => /^(?:not )?ok \d+ - /.test(line))
    const skipped = lines.filter((line) => / # SKIP/i.test(line))
    t.ok(lines.length > skipped.length, 'something ran')
    for (const line of skipped) t.comment(`as that user: ${line}`)
    t.end()
  })
}
