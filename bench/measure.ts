// One program measured from spawn to exit: wall time, processor time, the most memory it held; a daemon that works for
// it counts too. GNU time reads them from wait4's rusage; where it is absent, memory is polled and processor time is not
// known. Knows processes; not what they do.

import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { throwIfInterrupted, whileRunning } from './cleanup.ts'
import { failure, findProgram, plainEnvironment } from './programs.ts'
import type { Sample } from './result.ts'

export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Standard input is read from this file. */
  readonly stdinFile?: string
  /** Standard output is written to this file; default: thrown away. */
  readonly stdoutFile?: string
  /** Processes that work on the command's behalf and were there before it. */
  readonly daemons?: readonly number[]
}

const POLL_MS = 20
const gnuTime = findGnuTime()

function findGnuTime(): string | undefined {
  const file = findProgram('time')
  if (file === undefined) return undefined
  const said = spawnSync(file, ['--version'], { encoding: 'utf8' })
  return /GNU/.test(`${said.stdout}${said.stderr}`) ? file : undefined
}

/** How memory and processor time are learnt here, for the record. */
export const memoryMeasure: string =
  gnuTime === undefined ? `VmHWM every ${POLL_MS} ms` : 'rusage of wait4, by GNU time'

/** @throws Error with what the program said, when it fails */
export async function measureProgram(command: Command): Promise<Sample> {
  throwIfInterrupted()
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-bench-run-'))
  const opened: number[] = []
  const open = (file: string, flags: string): number => {
    const fd = fs.openSync(file, flags)
    opened.push(fd)
    return fd
  }
  try {
    const usage = path.join(dir, 'usage')
    const said = path.join(dir, 'stderr')
    const stdin = command.stdinFile === undefined ? 'ignore' : open(command.stdinFile, 'r')
    const stdout = command.stdoutFile === undefined ? 'ignore' : open(command.stdoutFile, 'w')
    const [file, args] =
      gnuTime === undefined
        ? [command.file, command.args]
        : [gnuTime, ['-q', '-f', '%M %U %S', '-o', usage, command.file, ...command.args]]
    const daemons = (command.daemons ?? []).map(startWatch)
    const env = plainEnvironment(command.env)
    const stderr = open(said, 'w')

    const busyBefore = busySeconds()
    const begin = process.hrtime.bigint()
    const child = spawn(file, args, {
      env,
      stdio: [stdin, stdout, stderr],
      detached: true,
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    })
    const ended = whileRunning(child)
    const polled = gnuTime === undefined ? pollMemory(child.pid) : undefined
    const code = await new Promise<number | string>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (status, signal) => resolve(status ?? signal ?? 'nothing'))
    }).finally(ended)
    const seconds = Number(process.hrtime.bigint() - begin) / 1e9
    const busy = busySeconds() - busyBefore

    const polledBytes = polled?.()
    if (code !== 0) throw new Error(failure(command.file, command.args, code, tail(said)))
    const served = daemons.map((daemon) => daemon())
    const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0)
    const servedBytes = sum(served.map((one) => one.peakRssBytes))
    if (gnuTime === undefined) {
      return polledBytes === undefined
        ? { seconds }
        : { seconds, peakRssBytes: polledBytes + servedBytes }
    }
    const [kilobytes, user, system] = fs.readFileSync(usage, 'utf8').trim().split(' ').map(Number)
    const cpuSeconds = user! + system! + sum(served.map((one) => one.cpuSeconds))
    return {
      seconds,
      peakRssBytes: kilobytes! * 1024 + servedBytes,
      cpuSeconds,
      // Of a run of a few ticks the difference would be rounding.
      ...(seconds < OTHERS_SECONDS_MIN
        ? {}
        : { othersCores: Math.max(0, (busy - cpuSeconds) / seconds) }),
    }
  } finally {
    for (const fd of opened) fs.closeSync(fd)
    fs.rmSync(dir, { recursive: true, force: true })
  }
}

function tail(file: string): Uint8Array {
  const bytes = fs.readFileSync(file)
  return bytes.subarray(Math.max(0, bytes.length - 4096))
}

/** @returns ends the polling; undefined where the process was gone before it was seen once */
function pollMemory(pid: number | undefined): () => number | undefined {
  let peak: number | undefined
  const look = (): void => {
    const now = pid === undefined ? undefined : highWater(pid)
    if (now !== undefined) peak = Math.max(peak ?? 0, now)
  }
  look()
  const timer = setInterval(look, POLL_MS)
  return () => {
    clearInterval(timer)
    return peak
  }
}

/** Most bytes a process ever held in memory. */
function highWater(pid: number): number | undefined {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))
    return kilobytes === null ? undefined : Number(kilobytes[1]) * 1024
  } catch {
    return undefined // it has ended
  }
}

const TICKS_PER_S = 100 // what the kernel shows to user space on every Linux that Node runs on

/** Processor time of a process and of the children that it has waited for. */
function processorSeconds(pid: number): number {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name, in parentheses, may hold anything; utime is the 12th field after it.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return [11, 12, 13, 14].reduce((all, at) => all + Number(fields[at]), 0) / TICKS_PER_S
  } catch {
    return 0
  }
}

const OTHERS_SECONDS_MIN = 0.5

/** Processor time that the machine spent on anything, on all cores together, since it started. */
function busySeconds(): number {
  const [, user, nice, system, , , irq, softirq, steal] = fs
    .readFileSync('/proc/stat', 'latin1')
    .split('\n', 1)[0]!
    .split(/\s+/)
    .map(Number)
  return (user! + nice! + system! + irq! + softirq! + steal!) / TICKS_PER_S
}

function startWatch(pid: number): () => { peakRssBytes: number; cpuSeconds: number } {
  const before = processorSeconds(pid)
  try {
    fs.writeFileSync(`/proc/${pid}/clear_refs`, '5') // starts the high-water mark anew
  } catch {
    // Without the right to, the mark is that of the daemon's whole life, which is no less than this run's.
  }
  return () => ({
    peakRssBytes: highWater(pid) ?? 0,
    cpuSeconds: processorSeconds(pid) - before,
  })
}
