// docker on the shapes: the daemon that DOCKER_HOST names, or one started on a data root of its own, beside whatever
// runs on this host. What it makes of an image is what `docker export` of a container that never ran gives.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findProgram, runProgram, startDaemon, type ProgramResult } from '../sys/run-program.ts'
import { unmountBelow } from './unmount-below.ts'
import { refusal, unavailable } from './subject.ts'
import type { Outcome, ShapeFiles, SubjectGroup, SubjectOptions } from './subject.ts'
import { readTreeOfTar } from './tree.ts'

const READY_TIMEOUT_MS = 60_000

type Ask = (...args: string[]) => Promise<ProgramResult>

/** @throws UnsupportedError ERR_HOST_UNSUPPORTED */
export async function dockerSubject(options: SubjectOptions): Promise<SubjectGroup> {
  const client = findProgram('docker', options.env)
  if (client === undefined) throw unavailable('docker', 'there is no docker command on PATH')
  const given = options.env['DOCKER_HOST']
  const daemon = given === undefined ? await startDockerd(options, client) : undefined
  const host = daemon?.host ?? given!
  const ask = asker(client, options, host, options.signal)
  const tidy = asker(client, options, host)
  try {
    const version = await ask('version', '--format', '{{.Server.Version}}')
    if (version.code !== 0) throw unavailable('docker', version.stderr.trim())
    return {
      subjects: [
        {
          name: 'docker',
          version: String(version.stdout).trim(),
          isShale: false,
          run: (files) => outcome(ask, tidy, files),
        },
      ],
      unavailable: [],
      close: async () => daemon?.stop(),
    }
  } catch (error) {
    await daemon?.stop()
    throw error
  }
}

function asker(client: string, options: SubjectOptions, host: string, signal?: AbortSignal): Ask {
  const env = { ...options.env, DOCKER_HOST: host, DOCKER_CONFIG: options.work }
  return (...args) => runProgram(client, args, { env, ...(signal === undefined ? {} : { signal }) })
}

/** @param tidy heeds no signal: after one nothing that is asked with it is done */
async function outcome(ask: Ask, tidy: Ask, { archive, image }: ShapeFiles): Promise<Outcome> {
  let container: string | undefined
  try {
    const loaded = await ask('load', '-i', archive)
    if (loaded.code !== 0) return refusal(loaded.stderr)
    const created = await ask('create', image.name, '/nothing')
    if (created.code !== 0) return refusal(created.stderr)
    container = String(created.stdout).trim()
    const exported = await ask('export', container)
    if (exported.code !== 0) return refusal(exported.stderr)
    return { kind: 'tree', tree: await readTreeOfTar(exported.stdout) }
  } finally {
    // Also on a daemon that is not ours nothing stays behind.
    if (container !== undefined) await tidy('rm', '-f', container)
    await tidy('rmi', '-f', image.name)
  }
}

interface OwnDaemon {
  readonly host: string
  stop(): Promise<void>
}

async function startDockerd(options: SubjectOptions, client: string): Promise<OwnDaemon> {
  const program = findProgram('dockerd', options.env)
  if (program === undefined || process.geteuid?.() !== 0) {
    throw unavailable(
      'docker',
      'set DOCKER_HOST to a running daemon, or run as root where dockerd is installed',
    )
  }
  const root = path.join(options.work, 'docker')
  // A unix socket's path has 107 bytes at most: not below a possibly deep work directory.
  const run = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-dockerd-'))
  const host = `unix://${run}/docker.sock`
  const daemon = startDaemon(
    program,
    [
      `--data-root=${root}`,
      `--exec-root=${path.join(run, 'exec')}`,
      `--host=${host}`,
      `--pidfile=${path.join(run, 'pid')}`,
      '--iptables=false',
      '--bridge=none',
    ],
    { logFile: path.join(run, 'log'), env: options.env },
  )
  const stop = async (): Promise<void> => {
    await daemon.stop()
    for (const place of [root, run]) unmountBelow(place)
    fs.rmSync(run, { recursive: true, force: true })
  }
  try {
    const ask = asker(client, options, host, options.signal)
    const deadline = Date.now() + READY_TIMEOUT_MS
    while ((await ask('info')).code !== 0) {
      if (!daemon.isRunning || Date.now() > deadline) {
        throw unavailable('docker', `dockerd does not start here\n${daemon.log()}`)
      }
      await sleep(100, undefined, options.signal === undefined ? {} : { signal: options.signal })
    }
    return { host, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
