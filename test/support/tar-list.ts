// What GNU tar lists of a tar: an oracle for the names and their order.

import { spawnSync } from 'node:child_process'

export function listWithTar(file: string): string[] {
  const done = spawnSync('tar', ['-tf', file, '--quoting-style=literal'], { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(done.stderr)
  return done.stdout.split('\n').slice(0, -1)
}
