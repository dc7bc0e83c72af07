// A real dockerd on a data root of the test's choosing, beside nothing else: own socket, exec root and pid file, no
// network set-up. Knows how to start, ask and stop it; refuses to know what shale thinks a store is.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findProgram, findPrograms } from './host.ts'

/** What a test that uses it passes to `unless`. */
export const DOCKER_PROGRAMS: readonly string[] = ['dockerd', 'docker', 'containerd', 'runc']

export interface Dockerd extends AsyncDisposable {
  readonly root: string
  readonly pid: number
  /** Standard output of a docker command that must succeed, without the last newline. */
  docker(...args: string[]): string
  /** Any docker command. */
  run(args: readonly string[], input?: string | Uint8Array): DockerResult
  /** SIGTERM, and wait until it has put its house in order. */
  stop(): Promise<void>
}

export interface DockerResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const READY_TIMEOUT_MS = 60_000

export async function startDockerd(
  root: string,
  options: { readonly driver?: 'overlay2' | 'vfs' } = {},
): Promise<Dockerd> {
  // A unix socket's path has 107 bytes at most: not below the test's own, possibly deep, directory.
  const run = fs.mkdtempSync(path.join(os.tmpdir(), 'dockerd-'))
  const host = `unix://${run}/docker.sock`
  const log = fs.openSync(path.join(run, 'log'), 'w')
  const flags = ['--data-root', root, '--exec-root', path.join(run, 'exec'), '-H', host]
  flags.push('--pidfile', path.join(run, 'pid'), '--iptables=false', '--bridge=none')
  flags.push('--storage-driver', options.driver ?? 'overlay2')
  const child = spawn(findProgram('dockerd')!, flags, { stdio: ['ignore', log, log] })
  fs.closeSync(log)
  const exited = once(child, 'exit')

  const env = { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: run, DOCKER_BUILDKIT: '0' }
  const docker = clientOf(findProgram('dockerd')!)
  const ask = (args: readonly string[], input?: string | Uint8Array): DockerResult => {
    const done = spawnSync(docker, [...args], { env, input: input ?? '', maxBuffer: 1 << 30 })
    if (done.error) throw done.error
    return { code: done.status, stdout: String(done.stdout), stderr: String(done.stderr) }
  }

  let isStopped = false
  const stop = async (): Promise<void> => {
    if (isStopped) return
    isStopped = true
    child.kill('SIGTERM')
    await exited
    unmountBelow(root)
    unmountBelow(run)
    fs.rmSync(run, { recursive: true, force: true })
  }

  const deadline = Date.now() + READY_TIMEOUT_MS
  while (ask(['info']).code !== 0) {
    if (child.exitCode !== null || Date.now() > deadline) {
      const said = fs.readFileSync(path.join(run, 'log'), 'utf8').split('\n').slice(-15).join('\n')
      await stop()
      throw new Error(`dockerd did not start on ${root}\n${said}`)
    }
    await sleep(100)
  }

  return {
    root,
    pid: child.pid!,
    run: ask,
    docker(...args: string[]): string {
      const done = ask(args)
      if (done.code !== 0) throw new Error(`docker ${args.join(' ')}\n${done.stderr}${done.stdout}`)
      return done.stdout.replace(/\n$/, '')
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** A machine may hold a newer client too, and clients print the same answer in their own ways. */
function clientOf(dockerd: string): string {
  const version = (program: string): string | undefined =>
    / version ([0-9.]+)/.exec(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout)?.[1]
  const clients = findPrograms('docker')
  return clients.find((client) => version(client) === version(dockerd)) ?? clients[0]!
}

/** dockerd binds its root to itself and may leave container mounts; a temporary directory cannot go before they do. */
export function unmountBelow(dir: string): void {
  const listed = fs.readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n')
  const points = listed
    .map((line) => line.split(' ')[4]!.replace(/\\([0-7]{3})/g, unescapeOctal))
    .filter((point) => point === dir || point.startsWith(`${dir}/`))
  for (const point of points.reverse()) spawnSync('umount', ['-l', point])
}

function unescapeOctal(_: string, digits: string): string {
  return String.fromCharCode(parseInt(digits, 8))
}

/** A copy to change: owners, modes, times, xattrs, devices and hardlinks kept; clones extents where the disk can. */
export function copyTree(from: string, to: string): void {
  const done = spawnSync('cp', ['-a', '--reflink=auto', from, to], { stdio: 'inherit' })
  if (done.status !== 0) throw new Error(`cannot copy ${from} to ${to}`)
}
