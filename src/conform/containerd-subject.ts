// containerd on the shapes: a daemon with a root of its own and the overlayfs snapshotter, asked through ctr; looked at
// in the mount that `ctr images mount` makes.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findProgram, runProgram, startDaemon, type ProgramResult } from '../sys/run-program.ts'
import { refusal, unavailable } from './subject.ts'
import type { Outcome, ShapeFiles, SubjectGroup, SubjectOptions } from './subject.ts'
import { readTreeOf } from './tree.ts'
import { unmountBelow } from './unmount-below.ts'

const READY_TIMEOUT_MS = 60_000

type Ask = (...args: string[]) => Promise<ProgramResult>

/** @throws UnsupportedError ERR_HOST_UNSUPPORTED */
export async function containerdSubject(options: SubjectOptions): Promise<SubjectGroup> {
  const program = findProgram('containerd', options.env)
  const ctr = findProgram('ctr', options.env)
  if (program === undefined || ctr === undefined || process.geteuid?.() !== 0) {
    throw unavailable('containerd', 'it needs root, and the programs containerd and ctr')
  }
  const run = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-containerd-'))
  const root = path.join(options.work, 'containerd')
  const address = path.join(run, 'containerd.sock')
  const config = path.join(run, 'config.toml')
  // CRI would look for a network; it has no part in this.
  fs.writeFileSync(config, 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
  const daemon = startDaemon(
    program,
    ['-c', config, '--root', root, '--state', path.join(run, 'state'), '--address', address],
    { logFile: path.join(run, 'log'), env: options.env },
  )
  const { signal, env } = options
  const ask: Ask = (...args) =>
    runProgram(ctr, ['--address', address, ...args], {
      env,
      ...(signal === undefined ? {} : { signal }),
    })
  const close = async (): Promise<void> => {
    await daemon.stop()
    for (const place of [run, root]) unmountBelow(place)
    fs.rmSync(run, { recursive: true, force: true })
  }
  try {
    const deadline = Date.now() + READY_TIMEOUT_MS
    while (!fs.existsSync(address) || (await ask('version')).code !== 0) {
      if (!daemon.isRunning || Date.now() > deadline) {
        throw unavailable('containerd', `it does not start here\n${daemon.log()}`)
      }
      await sleep(100, undefined, signal === undefined ? {} : { signal })
    }
    const version = /Server:\s*Version:\s*(\S+)/.exec(String((await ask('version')).stdout))?.[1]
    return {
      subjects: [
        {
          name: 'containerd',
          ...(version === undefined ? {} : { version }),
          isShale: false,
          run: (files) => outcome(ask, files, run),
        },
      ],
      unavailable: [],
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function outcome(ask: Ask, { archive, image }: ShapeFiles, run: string): Promise<Outcome> {
  const imported = await ask('images', 'import', '--snapshotter', 'overlayfs', archive)
  if (imported.code !== 0) return refusal(imported.stderr)
  const name = `docker.io/library/${image.name}`
  const target = fs.mkdtempSync(path.join(run, 'mount-'))
  const mounted = await ask('images', 'mount', '--snapshotter', 'overlayfs', name, target)
  if (mounted.code !== 0) return refusal(mounted.stderr)
  try {
    return { kind: 'tree', tree: readTreeOf(target) }
  } finally {
    await ask('images', 'unmount', '--rm', target)
  }
}
