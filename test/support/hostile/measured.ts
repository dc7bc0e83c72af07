// The command line in a process of its own, with its time and its peak memory.

import fs from 'node:fs'
import path from 'node:path'
import { shale, type Output } from '../cli.ts'
import type { Ground } from './ground.ts'

const PRELOAD = new URL('./peak-memory.js', import.meta.url).href
/** What is promised for any input. */
export const PEAK_BYTES_MAX: number = 250 * 2 ** 20

export interface Measured extends Output {
  readonly peakBytes: number
  readonly seconds: number
}

/** @param stdinFile standard input, as after `<` in a shell */
export function measured(ground: Ground, args: readonly string[], stdinFile?: string): Measured {
  const peak = path.join(ground.scratch, 'peak')
  fs.rmSync(peak, { force: true })
  const began = process.hrtime.bigint()
  const done = shale(['--root', ground.root, ...args], {
    env: { NODE_OPTIONS: `--import=${PRELOAD}`, SHALE_TEST_PEAK_FILE: peak },
    timeoutMs: 120_000,
    ...(stdinFile === undefined ? {} : { stdinFile }),
  })
  const seconds = Number(process.hrtime.bigint() - began) / 1e9
  const peakBytes = fs.existsSync(peak) ? Number(fs.readFileSync(peak, 'utf8')) : NaN
  return { ...done, peakBytes, seconds }
}
