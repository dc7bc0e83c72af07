// /dev/fuse: opened and mounted by mount(2) as root, or by fusermount3, which hands the open device over a socket, as
// anybody. Reading and writing it blocks: for a thread of its own.
// Knows the kernel's and fusermount3's interfaces (libfuse, lib/mount.c); what is said over the device is not known here.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import fs from 'node:fs'
import type * as Koffi from 'koffi'
import { UnsupportedError } from '../errors.ts'
import { ERRNO, hostError } from './errno.ts'
import { close } from './file-calls.ts'
import { cText, checked, libc } from './libc.ts'
import { asksFor, mountFlags } from './mount-flags.ts'
import { listMounts } from './mount-table.ts'
import { findProgram } from './run-program.ts'

const AF_UNIX = 1
const SOCK_STREAM = 1
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_CMSG_CLOEXEC = 0x40000000
const MNT_DETACH = 2
const UMOUNT_NOFOLLOW = 8
const BACKING_OPEN = 0x4010e501
const BACKING_CLOSE = 0x4004e502

/** Those that fusermount3 takes of an ordinary user. */
const HELPER_FLAGS: ReadonlySet<string> = new Set([
  ...['noexec', 'exec', 'async', 'sync', 'noatime', 'atime', 'dirsync'],
])

/** Those that it does not, and that ask for more than it gives anyway. */
const NOT_OF_HELPER: readonly string[] = ['nodiratime', 'strictatime', 'nosymfollow']

interface FuseCalls {
  readonly socketpair: (domain: number, type: number, protocol: number, fds: Uint8Array) => number
  readonly recvmsg: (fd: number, message: Uint8Array, flags: number) => number
  readonly address: (bytes: Uint8Array) => bigint
}

let bound: FuseCalls | undefined

function calls(): FuseCalls {
  if (bound) return bound
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi
  const library = koffi.load(null)
  return (bound = {
    socketpair: library.func('socketpair', 'int', ['int', 'int', 'int', 'void *']),
    recvmsg: library.func('recvmsg', 'long', ['int', 'void *', 'int']),
    address: (bytes: Uint8Array) => BigInt(koffi.address(bytes)),
  } as unknown as FuseCalls)
}

export interface FuseMountOptions {
  readonly target: string
  /** As mount tables show it. */
  readonly source: string
  readonly readOnly: boolean
  /** By mount(2), else by fusermount3. */
  readonly asRoot: boolean
  /** allow_other: others than the caller may look as well. */
  readonly forOthers: boolean
  /** default_permissions: the kernel asks owner and mode of each file; else the caller may do everything. */
  readonly checked: boolean
  /** nosuid, noatime ... */
  readonly flags?: readonly string[]
}

/** @throws UnsupportedError ERR_HOST_UNSUPPORTED where there is no FUSE to be had; HostError */
export function mountFuse(options: FuseMountOptions): number {
  return options.asRoot ? mountAsRoot(options) : mountByHelper(options)
}

/** Why a FUSE mount cannot be had here; undefined where nothing speaks against it. */
export function fuseUnavailable(asRoot: boolean): string | undefined {
  return lackOf(asRoot)?.reason
}

/** @throws UnsupportedError ERR_HOST_UNSUPPORTED where fuseUnavailable has a reason, with what helps against it */
export function checkFuse(target: string, asRoot: boolean): void {
  const lack = lackOf(asRoot)
  if (lack !== undefined) throw unavailable(target, lack.reason, lack.remedy)
}

/** Apart, since who takes another view by himself tells the reason alone. */
interface Lack {
  readonly reason: string
  readonly remedy: string
}

const OTHER_VIEW = '--view merge writes the tree out instead'
const NO_FUSE = `load it into the kernel (modprobe fuse), or ${OTHER_VIEW}`

function deviceLack(code: string | undefined): Lack {
  if (code === 'ENOENT') {
    return {
      reason: 'there is no /dev/fuse on this host',
      remedy: `load it (modprobe fuse), start a container with --device /dev/fuse, or ${OTHER_VIEW}`,
    }
  }
  const reason = `/dev/fuse cannot be opened (${code})`
  // A container's device cgroup says EPERM also to root, and so does a file system without devices (nodev) by EACCES.
  if (code === 'EACCES' || code === 'EPERM') {
    return {
      reason,
      remedy: `make it readable and writable for this user (ls -l /dev/fuse), start a container with --device /dev/fuse, or ${OTHER_VIEW}`,
    }
  }
  if (code === 'ENODEV' || code === 'ENXIO') return { reason, remedy: NO_FUSE }
  return { reason, remedy: OTHER_VIEW }
}

function lackOf(asRoot: boolean): Lack | undefined {
  try {
    fs.accessSync('/dev/fuse', fs.constants.R_OK | fs.constants.W_OK)
  } catch (error) {
    // fusermount3 is setuid, and opens it as its caller all the same.
    return deviceLack((error as NodeJS.ErrnoException).code)
  }
  if (asRoot || findProgram('fusermount3') !== undefined) return undefined
  return {
    reason: 'fusermount3, by which an ordinary user mounts FUSE, is not installed',
    remedy: `install fuse3, or ${OTHER_VIEW}`,
  }
}

/** Whether fusermount3 lets ordinary users show their mounts to others (libfuse, util/fusermount.c, read_conf). */
export function usersMayAllowOthers(): boolean {
  try {
    const lines = fs.readFileSync('/etc/fuse.conf', 'latin1').split('\n')
    return lines.some((line) => line.replace(/#.*/, '').trim() === 'user_allow_other')
  } catch {
    return false
  }
}

function mountAsRoot(options: FuseMountOptions): number {
  const { target, source } = options
  let fd: number
  try {
    fd = fs.openSync('/dev/fuse', 'r+')
  } catch (error) {
    const { reason, remedy } = deviceLack((error as NodeJS.ErrnoException).code)
    throw unavailable(target, reason, remedy)
  }
  const data = `fd=${fd},rootmode=40000,user_id=0,group_id=0${wordsOf(options)}`
  const flags = mountFlags([...(options.flags ?? []), ...(options.readOnly ? ['ro'] : [])])
  const type = cText('fuse.shale')
  const result = checked(libc().mount(cText(source), cText(target), type, flags, cText(data)))
  if (result === 0) return fd
  fs.closeSync(fd)
  if (result === -ERRNO.EPERM) throw unavailable(target, 'this user may not mount (EPERM)')
  if (result === -ERRNO.ENODEV)
    throw unavailable(target, 'the kernel does not know it (ENODEV)', NO_FUSE)
  throw hostError(`mount ${target}`, -result, 'mount', target)
}

/** Each with its comma. */
function wordsOf({ forOthers, checked: isChecked }: FuseMountOptions): string {
  return `${forOthers ? ',allow_other' : ''}${isChecked ? ',default_permissions' : ''}`
}

function mountByHelper(options: FuseMountOptions): number {
  const { target, source, readOnly, flags = [] } = options
  const helper = findProgram('fusermount3')
  if (helper === undefined) {
    checkFuse(target, false)
    throw unavailable(target, 'no fusermount3')
  }
  const refused = NOT_OF_HELPER.find((word) => asksFor(flags, word))
  if (refused !== undefined) throw unavailable(target, `fusermount3 takes no ${refused}`)
  const pair = Buffer.alloc(8)
  const made = checked(calls().socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
  if (made < 0) throw hostError(`mount ${target}`, -made, 'socketpair', target)
  const ours = pair.readInt32LE(0)
  const theirs = pair.readInt32LE(4)
  try {
    const name = source.replaceAll(/[\\,]/g, '\\$&')
    const own = flags.filter((word) => HELPER_FLAGS.has(word)).map((word) => `,${word}`)
    const text = `${readOnly ? 'ro' : 'rw'},nosuid,nodev,fsname=${name},subtype=shale${wordsOf(options)}${own.join('')}`
    const { status, stderr, error } = spawnSync(helper, ['-o', text, '--', target], {
      stdio: ['ignore', 'ignore', 'pipe', theirs],
      env: { ...process.env, _FUSE_COMMFD: '3' },
      cwd: '/',
    })
    const reason = stderr?.toString('utf8').trim() || error?.message
    if (status !== 0) throw unavailable(target, reason || `fusermount3 ended with code ${status}`)
    const fd = receiveDescriptor(ours)
    if (fd < 0) throw hostError(`mount ${target}`, -fd, 'recvmsg', target)
    return fd
  } finally {
    close(ours)
    close(theirs)
  }
}

/** struct msghdr, iovec and cmsghdr of a 64-bit Linux: one byte of data, one descriptor beside it. */
function receiveDescriptor(socket: number): number {
  const { address, recvmsg } = calls()
  const data = Buffer.alloc(1)
  const control = Buffer.alloc(24)
  const vector = Buffer.alloc(16)
  vector.writeBigUInt64LE(address(data), 0)
  vector.writeBigUInt64LE(1n, 8)
  const message = Buffer.alloc(56)
  message.writeBigUInt64LE(address(vector), 16)
  message.writeBigUInt64LE(1n, 24)
  message.writeBigUInt64LE(address(control), 32)
  message.writeBigUInt64LE(BigInt(control.length), 40)
  // Whoever is started later must not keep the connection, or the kernel would wait for answers of a dead server.
  const length = checked(recvmsg(socket, message, MSG_CMSG_CLOEXEC))
  if (length < 0) return length
  const isRights = control.readInt32LE(8) === SOL_SOCKET && control.readInt32LE(12) === SCM_RIGHTS
  return length === 0 || !isRights ? -ERRNO.EPROTO : control.readInt32LE(16)
}

/**
 * @param options.lazy also where somebody is in it
 * @returns 0, or a negative errno
 */
export function unmountFuse(target: string, options: { readonly lazy?: boolean } = {}): number {
  const flags = UMOUNT_NOFOLLOW | (options.lazy ? MNT_DETACH : 0)
  const result = checked(libc().umount2(cText(target), flags))
  if (result !== -ERRNO.EPERM) return result
  const helper = findProgram('fusermount3')
  if (helper === undefined) return result
  const lazy = options.lazy ? ['-z'] : []
  const { status, stderr } = spawnSync(helper, ['-u', ...lazy, '--', target], {
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: '/',
  })
  if (status === 0) return 0
  return /busy/i.test(stderr.toString()) ? -ERRNO.EBUSY : result
}

/**
 * A small process that outlives this one: it takes the mount away if we die without `release`, so that nobody is left
 * with a directory that answers ENOTCONN. undefined where there is no program for it.
 */
export function watchMount(target: string, asRoot: boolean): { release(): void } | undefined {
  const program = findProgram(asRoot ? 'umount' : 'fusermount3')
  const shell = findProgram('sh')
  if (program === undefined || shell === undefined) return undefined
  const args = asRoot ? ['-l', target] : ['-u', '-z', '-q', target]
  const script = 'read -r line; [ "$line" = done ] || exec "$@"'
  const child: ChildProcess = spawn(shell, ['-c', script, 'shale', program, ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  })
  child.on('error', () => undefined)
  child.stdin?.on('error', () => undefined)
  child.unref()
  return {
    release: () => {
      child.stdin?.end('done\n')
    },
  }
}

/** The kernel has 128: then a large file takes four times as many requests. */
const READ_AHEAD_KB = 512

/** For a mount that the kernel has greeted. Root's to say; where it cannot be said, reading takes longer, and no more. */
export function readFarAhead(target: string): void {
  const device = listMounts().findLast((mount) => mount.target === target)?.device
  try {
    fs.writeFileSync(`/sys/class/bdi/${device}/read_ahead_kb`, String(READ_AHEAD_KB))
  } catch {
    // A read-only /sys, as containers have it.
  }
}

/** struct fuse_backing_map, or an id: for the next call. */
const backing = new Int32Array(4)
const backingBytes = new Uint8Array(backing.buffer)

/** Makes reads and writes of an open file go to `fd` without us (Linux 6.9). @returns an id, or a negative errno */
export function openBacking(device: number, fd: number): number {
  backing.fill(0)
  backing[0] = fd
  return checked(libc().ioctlBytes(device, BACKING_OPEN, backingBytes))
}

export function closeBacking(device: number, id: number): void {
  backing[0] = id
  libc().ioctlBytes(device, BACKING_CLOSE, backingBytes)
}

function unavailable(target: string, reason: string, remedy?: string): UnsupportedError {
  const text = remedy === undefined ? reason : `${reason}; ${remedy}`
  return new UnsupportedError('ERR_HOST_UNSUPPORTED', `cannot mount ${target} by FUSE: ${text}`, {
    details: { path: target, reason },
  })
}
