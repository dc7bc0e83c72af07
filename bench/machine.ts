// The machine that was measured on, as facts that stand beside every number.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { isRoot, PROJECT } from './programs.ts'
import type { Machine } from './result.ts'

export function machine(): Machine {
  const commit = commitOf(PROJECT)
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    kernel: `${os.type()} ${os.release()} ${os.machine()}`,
    system: systemName(),
    node: process.version,
    zlib: process.versions.zlib ?? 'unknown',
    shale: (
      JSON.parse(fs.readFileSync(path.join(PROJECT, 'package.json'), 'utf8')) as { version: string }
    ).version,
    ...(commit === undefined ? {} : { commit }),
    loadAverage: os.loadavg()[0] ?? 0,
    root: isRoot,
  }
}

function systemName(): string {
  try {
    const text = fs.readFileSync('/etc/os-release', 'utf8')
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(text)?.[1] ?? 'unknown'
  } catch {
    return 'unknown'
  }
}

function commitOf(dir: string): string | undefined {
  const git = (...args: string[]): string | undefined => {
    const done = spawnSync('git', ['-C', dir, ...args], { encoding: 'utf8' })
    return done.status === 0 ? done.stdout.trim() : undefined
  }
  const commit = git('rev-parse', '--short=12', 'HEAD')
  if (commit === undefined) return undefined
  return git('status', '--porcelain', '--', 'src', 'cli') === '' ? commit : `${commit}+`
}
