// What the machine under the tests can do, each answer with the reason to print where it cannot.
// Knows programs, privileges and kernel features; knows nothing of shale, so that a bug there cannot hide a test.

import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

export const isRoot: boolean = process.getuid?.() === 0

/** The long tests against other programs run where they are asked for: `npm run test:interop`. */
export const isInterop: boolean = process.env['SHALE_INTEROP'] === '1'

/** Of what is sampled, one in so many is taken, others each time: the gate says so where the machine is slow. */
export const SHARE: number = Number(process.env['SHALE_SHARE'] ?? 1)

/** Debian keeps daemons in sbin directories, which an ordinary user's PATH lacks. */
const SEARCH: readonly string[] = [
  ...(process.env['PATH'] ?? '').split(path.delimiter),
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
]

/** Absolute paths of all programs of that name, in the order of PATH. */
export function findPrograms(name: string): string[] {
  return SEARCH.filter((dir) => dir !== '')
    .map((dir) => path.join(dir, name))
    .filter((file) => {
      try {
        fs.accessSync(file, fs.constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/** Absolute path of a program, or undefined. */
export function findProgram(name: string): string | undefined {
  return findPrograms(name)[0]
}

export function has(program: string): boolean {
  return findProgram(program) !== undefined
}

const answers = new Map<string, boolean>()

/** A probe costs a process or a mount: asked once per test file. */
function once(name: string, probe: () => boolean): boolean {
  let answer = answers.get(name)
  if (answer === undefined) answers.set(name, (answer = probe()))
  return answer
}

function inTemporary(probe: (dir: string) => boolean): boolean {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-probe-'))
  try {
    return probe(dir)
  } catch {
    return false
  } finally {
    fs.rmSync(dir, { recursive: true, force: true })
  }
}

/** mount(8) of an overlay in the initial user namespace: root with CAP_SYS_ADMIN, and a backing file system that overlay takes. */
export function canMountOverlay(): boolean {
  return once('overlay', () => {
    if (!isRoot) return false
    return inTemporary((dir) => {
      for (const name of ['a', 'b', 'm']) fs.mkdirSync(path.join(dir, name))
      const options = `lowerdir=${dir}/a:${dir}/b`
      const mounted = spawnSync('mount', ['-t', 'overlay', 'probe', '-o', options, `${dir}/m`])
      if (mounted.status !== 0) return false
      execFileSync('umount', [`${dir}/m`])
      return true
    })
  })
}

/** tmpfs of a chosen size, for a disk that fills up. */
export function canMountTmpfs(): boolean {
  return once('tmpfs', () => {
    if (!isRoot) return false
    return inTemporary((dir) => {
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'probe', dir])
      if (mounted.status !== 0) return false
      execFileSync('umount', [dir])
      return true
    })
  })
}

/** unshare(1) into a new user and mount namespace, as an ordinary user. */
export function canUnshareUser(): boolean {
  return once(
    'userns',
    () => spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true']).status === 0,
  )
}

export function canMakeDevices(): boolean {
  return once('mknod', () =>
    inTemporary((dir) => spawnSync('mknod', [path.join(dir, 'w'), 'c', '0', '0']).status === 0),
  )
}

/** Where `fixtures/real-image/make` put its image. */
export const realImage: { readonly tar: string; readonly oci: string; readonly dockerd: string } =
  (() => {
    const dir = process.env['SHALE_REAL_IMAGE'] ?? '/var/tmp/shale-real-image'
    return {
      tar: path.join(dir, 'app.tar'),
      oci: path.join(dir, 'oci'),
      dockerd: path.join(dir, 'dockerd'),
    }
  })()

export interface Needs {
  /** Only in `npm run test:interop`. */
  readonly interop?: boolean
  readonly root?: boolean
  readonly ordinaryUser?: boolean
  readonly programs?: readonly string[]
  readonly overlay?: boolean
  readonly tmpfs?: boolean
  readonly devices?: boolean
  readonly userNamespace?: boolean
  readonly realImage?: boolean
}

/**
 * For tap's `skip` option: false where the test can run, else the reason that tap prints.
 * @example t.test('dockerd lists it', { skip: unless({ root: true, programs: ['dockerd'] }) }, ...)
 */
export function unless(needs: Needs): string | false {
  if (needs.interop && !isInterop) return 'runs with npm run test:interop'
  if (needs.root && !isRoot) return 'needs root'
  if (needs.ordinaryUser && isRoot) return 'needs an ordinary user'
  const missing = (needs.programs ?? []).filter((program) => !has(program))
  if (missing.length > 0) return `needs ${missing.join(', ')} installed`
  if (needs.overlay && !canMountOverlay()) return 'needs a kernel that lets this user mount overlay'
  if (needs.tmpfs && !canMountTmpfs()) return 'needs to mount a tmpfs'
  if (needs.devices && !canMakeDevices()) return 'needs to make device nodes'
  if (needs.userNamespace && !canUnshareUser()) return 'needs user namespaces'
  if (needs.realImage && !fs.existsSync(realImage.tar))
    return `needs the image that fixtures/real-image/make makes at ${path.dirname(realImage.tar)}`
  return false
}
